#!/usr/bin/env bash
# ask.sh [ID]: the answer to a question of exercises/questions, and its evidence, on the stage that is up. It ends well
# only if all was seen that the question's file says. Without ID: the questions.
. "$(dirname "$0")/lib.sh"
. "$HOST_DIR/docker.sh"

FOLDER=exercises/questions
# A command that takes longer waits for something that does not come.
COMMAND_SECONDS=60

# ids prints all of them: the quiz, then stage by stage.
ids() {
    local all
    all=$(for file in "$FOLDER"/*.*.md; do basename "$file" .md; done | sort -t. -k1,1 -k2,2n)
    printf '%s\n' "$all" | grep '^[A-Z]' || true
    printf '%s\n' "$all" | grep '^[0-9]' || true
}

# read_question ID [STAGE] prints it as question.awk does.
read_question() { awk -v stage="${2-}" -f "$HOST_DIR/question.awk" "$FOLDER/$1.md"; }

# part TAG < QUESTION: the values of that tag.
part() { sed -n "s/^$1	//p"; }

list_questions() {
    local id
    say "The questions, and the stages that show the answer"
    say
    for id in $(ids); do
        printf '  %-5s %-8s %s\n' "$id" "$(read_question "$id" | part stages)" "$(read_question "$id" | part question)"
    done
    say
    say "The answer to one, shown on the stage that is up:  make ask Q=0.3"
}

# no_such_question ID: near are those of the same chapter, else all.
no_such_question() {
    local near
    near=$(ids | grep -i "^$(printf '%s' "$1" | sed 's/\..*//; s/[^A-Za-z0-9]//g')\." | xargs) || near=$(ids | xargs)
    die "there is no question $1; there are $near" "Their words:  make ask"
}

# --- Evidence ---------------------------------------------------------------------------------------------------

# first_running NODE...: the first of them that runs, else just the first.
first_running() {
    local node
    for node in "$@"; do
        ! nodes | grep -qFx "$node" || { echo "$node" && return; }
    done
    echo "$1"
}

# run_on MACHINE COMMAND: as a learner would. A command on this machine is no part of the make that started us.
run_on() {
    local container
    if [ "$1" = "your machine" ]; then
        (unset MAKEFLAGS MFLAGS MAKELEVEL && with_deadline "$COMMAND_SECONDS" bash -c "$2")
    else
        container=$(node_container "$1") && docker exec "$container" timeout "$COMMAND_SECONDS" sh -c "$2"
    fi
}

# show MACHINE COMMAND: the command as it is typed there, then its output, which is kept for what is to be seen in it.
show() {
    local prompt="$1\$"
    [ "$1" != "your machine" ] || prompt='$'
    printf '\n%s\n' "$2" | sed "2s/^/$prompt /; 3,\$s/^/  /"
    # How it ends says nothing: a connection that is refused may be the answer.
    run_on "$1" "$2" 2>&1 </dev/null | tee "$OUTPUT" | sed 's/^/    /' || true
}

SEEN=0 WANTED=0
# look PATTERN WHY: is it in the last output?
look() {
    WANTED=$((WANTED + 1))
    if grep -qiE -e "$1" "$OUTPUT"; then
        SEEN=$((SEEN + 1))
        printf '  seen: %s\n' "$2"
    else
        printf '  NOT SEEN: %s\n  (no line matches %s)\n' "$2" "$1"
    fi
}

# show_evidence < QUESTION: all of it, also when something is missing, since a later command may set right what an
# earlier one has stopped.
show_evidence() {
    local line value machine='' command=''
    while IFS= read -r line <&3; do
        value=${line#*	}
        case ${line%%	*} in
            machine)
                machine=$value command=
                # shellcheck disable=SC2086 # several names
                [ "$machine" = "your machine" ] || machine=$(first_running $machine)
                ;;
            command) command="$command${command:+
}$value" ;;
            run) show "$machine" "$command" ;;
            look) look "${value%%	*}" "${value#*	}" ;;
        esac
    done 3<&0
}

# --- A question -------------------------------------------------------------------------------------------------

ID=${1-}
if [ -z "$ID" ]; then
    list_questions
    exit
fi
ids | grep -qFx -e "$ID" || no_such_question "$ID"
question=$(read_question "$ID")
stages=$(part stages <<<"$question")
first_stage=${stages%% *}
faults=$(part fault <<<"$question")
[ -z "$faults" ] || die "this question is not written as it should be" "$faults"

printf '%s %s\n\n' "$ID" "$(part question <<<"$question")"
part answer <<<"$question" | sed 's/^./  &/'

need_engine "$@"
stage=$(running_stage)
[ -n "$stage" ] || { say && die "no stage is up, so nothing was shown" "Start one that shows it:  make stage-$first_stage"; }
case " $stages " in
    *" $stage "*) ;;
    *) say && die "stage $stage does not show this; shown in stage ${stages// /, }" \
        "Start one that does:  make stage-$first_stage" ;;
esac

OUTPUT=$(mktemp)
trap 'rm -f "$OUTPUT"; leave' EXIT
show_evidence <<<"$(read_question "$ID" "$stage")"
say
[ "$SEEN" -eq "$WANTED" ] || die "only $SEEN of $WANTED things were seen" \
    "Look at the machines:  make status" "Back to the first state:  make reset"
say "Seen: $SEEN of $WANTED, on stage $stage."
