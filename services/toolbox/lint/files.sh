# shellcheck shell=bash
# Which files there are to look at, by kind. Sourced by lint.

# find_files fills TEXT_FILES, SHELL_FILES, PYTHON_FILES, YAML_FILES, DOCKERFILES, STAGE_FILES, QUESTION_FILES
# and SOURCE_FILES. Git says what is text; of a file without a telling name the first line says what it is.
find_files() {
    TEXT_FILES=() SHELL_FILES=() PYTHON_FILES=() YAML_FILES=() DOCKERFILES=() STAGE_FILES=() QUESTION_FILES=()
    SOURCE_FILES=()
    local about file
    # A line of git's is "i/lf w/lf attr/text=auto <tab>name"; w/ is empty where the file is gone.
    while IFS=$'\t' read -r -d '' about file; do
        case $about in
            *w/-text* | *attr/-text*) continue ;;
        esac
        [ -f "$file" ] && [ -s "$file" ] || continue
        TEXT_FILES+=("$file")
        sort_file "$file"
    done < <(git ls-files -z --eol --cached --others --exclude-standard)
}

sort_file() {
    local file=$1 first
    case $file in
        *.bash | *.bats) SHELL_FILES+=("$file") ;;
        *.sh) SHELL_FILES+=("$file") SOURCE_FILES+=("$file") ;;
        *.py) PYTHON_FILES+=("$file") SOURCE_FILES+=("$file") ;;
        *.c | *.h) SOURCE_FILES+=("$file") ;;
        exercises/questions/*.*.md) QUESTION_FILES+=("$file") ;;
        compose/*/compose.yaml) YAML_FILES+=("$file") STAGE_FILES+=("$file") ;;
        *.yaml | *.yml | .yamllint) YAML_FILES+=("$file") ;;
        Dockerfile | */Dockerfile | */Dockerfile.* | *.Dockerfile) DOCKERFILES+=("$file") ;;
        *)
            IFS= read -r first <"$file" || true
            case $first in
                '#!'*bash* | '#!'*/sh* | '# shellcheck shell='*) SHELL_FILES+=("$file") SOURCE_FILES+=("$file") ;;
                '#!'*python*) PYTHON_FILES+=("$file") SOURCE_FILES+=("$file") ;;
            esac
            ;;
    esac
}
