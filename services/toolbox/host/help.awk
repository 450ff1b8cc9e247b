# Lists the targets of the Makefile: "##@ Group" starts a group, "target: ## sentence" is a target.
BEGIN { print "webstack-lab: the web stack, in containers. Start with  make stage-0" }
/^##@ / { printf "\n%s\n", substr($0, 5) }
/^[a-z%-]+:.*## / {
    target = $0; sub(/:.*/, "", target); sub(/%/, "N", target)
    sentence = $0; sub(/^.*## /, "", sentence)
    printf "  make %-10s %s\n", target, sentence
}
