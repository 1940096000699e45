"""Who acts: the policy contract, networks, actor-critics, scripted players."""
