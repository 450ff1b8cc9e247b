# Reads a question file (exercises/questions/README.md describes them) and prints what is in it, one "TAG<tab>VALUE" a line:
#
#   question TEXT · stages 0 1 2 · answer LINE · machine NAMES · command LINE · run · look PATTERN<tab>WHY · fault WHAT
#
# "run" comes after the last line of a command, "look" after the command whose output it is about. With -v stage=N the
# evidence of other stages is left out. Whoever finds a "fault" must not trust the rest.
BEGIN { part = "head"; ANSWER_LINES = 12; COLUMNS = 76 }

function say(tag, value) { print tag "\t" value }
function fault(what) { say("fault", FILENAME ":" FNR ": " what) }
# has_stage LIST STAGE: an empty list stands for every stage.
function has_stage(list, one) { return list == "" || index(" " list " ", " " one " ") }

# A file that was checked out on Windows.
{ sub(/\r$/, "") }

FNR == 1 {
    id = FILENAME
    sub(/.*\//, "", id)
    sub(/\.md$/, "", id)
    if (substr($0, 1, length(id) + 3) != "# " id " " || length($0) == length(id) + 3)
        fault("the first line is not \"# " id " QUESTION\"")
    say("question", substr($0, length(id) + 4))
    next
}

part == "head" && /^Stages: / {
    stages = substr($0, 9)
    if (stages !~ /^[0-9]( [0-9])*$/)
        fault("not \"Stages: 0 1 …\"")
    say("stages", stages)
    part = "answer"
    next
}
part == "head" { if ($0 != "") fault("before the answer stands \"Stages: 0 1 …\""); next }

part == "answer" && /^## See it$/ { part = "evidence"; next }
part == "answer" {
    # Empty lines divide paragraphs; those around the answer are not part of it.
    if ($0 == "") { gap = lines > 0; next }
    if (gap) say("answer", "")
    gap = 0
    if (++lines == ANSWER_LINES + 1) fault("the answer has more than " ANSWER_LINES " lines")
    if (length($0) > COLUMNS) fault("a line of the answer has more than " COLUMNS " columns")
    say("answer", $0)
    next
}

part == "evidence" && /^```sh$/ { part = "machine"; next }
part == "machine" {
    names = $0
    shown_in = ""
    if (match(names, /, in stages? [0-9]( [0-9])*$/)) {
        shown_in = substr(names, RSTART)
        names = substr(names, 1, RSTART - 1)
        sub(/, in stages? /, "", shown_in)
    }
    if (names !~ /^# on (your machine|[a-z0-9-]+( or [a-z0-9-]+)*)$/)
        fault("the first line of a command is not \"# on MACHINE\"")
    sub(/^# on /, "", names)
    gsub(/ or /, " ", names)
    wanted = stage == "" || has_stage(shown_in, stage)
    if (wanted) say("machine", names)
    command = 0
    part = "command"
    next
}
part == "command" && /^```$/ {
    if (!command) fault("a machine without a command")
    if (wanted) say("run", "")
    part = "evidence"
    next
}
part == "command" { command++; if (wanted) say("command", $0); next }

part == "evidence" && /^Look for `.+`: ./ {
    if (!command) fault("there is no output yet to look at")
    pattern = substr($0, 11)
    why = pattern
    sub(/`: .*/, "", pattern)
    why = substr(why, length(pattern) + 4)
    if (wanted) say("look", pattern "\t" why)
    for (n = 0; n <= 9; n++) if (has_stage(shown_in, n)) seen[n] = 1
    next
}
part == "evidence" { if ($0 != "") fault("neither a command nor \"Look for `PATTERN`: what it shows\""); next }

END {
    if (!lines) fault("no answer")
    if (part == "command" || part == "machine") fault("a command that is not closed with ```")
    count = split(stages, each, " ")
    for (n = 1; n <= count; n++)
        if (!seen[each[n]]) fault("nothing to look for in stage " each[n])
}
