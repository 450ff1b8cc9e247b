# shellcheck shell=bash
# What Compose makes of a stage file with the lab's own defaults: the same on every machine, whatever a learner has set.

# stage_model FILE [OPTION...]: its model as JSON. Settings come from compose/lab.env alone: no environment, and no file
# .env, neither beside the stage file nor at the top. The options go before Compose's command, such as --profile.
stage_model() {
    local file=$1
    shift
    env -i PATH="$PATH" HOME="${HOME:-/}" docker compose --env-file compose/lab.env --file "$file" "$@" \
        config --format json
}
