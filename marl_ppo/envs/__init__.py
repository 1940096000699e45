"""Worlds: the contract, the registry, PettingZoo in both directions, one folder per family of worlds."""

from marl_ppo.envs.registry import make_world, register_world, registered_worlds, world_settings
from marl_ppo.envs.world import Group, Metric, Outputs, Param, World, WorldSpec

__all__ = [
    "Group",
    "Metric",
    "Outputs",
    "Param",
    "World",
    "WorldSpec",
    "make_world",
    "register_world",
    "registered_worlds",
    "world_settings",
]

_PARTICLE = "marl_ppo.envs.particle.world"
register_world("spread", f"{_PARTICLE}:spread", description="agents cover all landmarks without bumping into each other")
register_world("speaker_listener", f"{_PARTICLE}:speaker_listener", description="one knows the target, the other can move")
register_world("reference", f"{_PARTICLE}:reference", description="two agents tell each other where to go")
register_world("tag", f"{_PARTICLE}:tag", description="slow chasers hunt fast prey among obstacles")
register_world("adversary", f"{_PARTICLE}:adversary", description="two agents hide their target from an observer")
register_world("soccer", "marl_ppo.envs.soccer.world:Soccer", description="two teams, a ball, a walled pitch with two goals")
register_world(
    "kuhn",
    "marl_ppo.envs.kuhn.world:Kuhn",
    description="three-card poker: turns, masks, hidden information",
    tree="marl_ppo.envs.kuhn.tree:root",
)

register_world(
    "leduc",
    "marl_ppo.envs.leduc.world:Leduc",
    description="six-card poker: two rounds of betting, a public card",
    tree="marl_ppo.envs.leduc.tree:root",
)

_MATRIX = "marl_ppo.envs.matrix"
for _name, _about in (
    ("rps", "rock, paper, scissors"),
    ("weighted_rps", "rock, paper, scissors, where rock wins 2"),
    ("climbing", "a team whose best pair of moves stands beside the worst"),
    ("penalty", "a team with two best pairs of moves, and a penalty"),
    ("levers", "two must pull the same lever, whichever it is"),
):
    register_world(_name, f"{_MATRIX}.world:{_name}", description=_about, tree=f"{_MATRIX}.tree:{_name}")

register_world(
    "connect_four",
    "marl_ppo.envs.connect_four.world:ConnectFour",
    description="four discs in a line: turns, masks, nothing hidden",
)

_ROOMS = "marl_ppo.envs.rooms.worlds"
for _name, _about in (
    ("four_rooms", "from one of four rooms into the opposite one"),
    ("key_doors", "keys, the doors they open, a target behind the last"),
    ("plates", "two agents hold gates open for each other"),
    ("relay", "a parcel goes from hand to hand through private doorways"),
    ("expedition", "many rooms, some locked, and targets to be found"),
    ("capture_flag", "two teams, two flags, a map and its mirror image"),
):
    register_world(_name, f"{_ROOMS}:{_name}", description=_about)

_PROBES = "marl_ppo.envs.probes"
for _name, _class, _about in (
    ("bandit", "Bandit", "one decision, one best arm"),
    ("staggered", "Staggered", "random episode lengths and deaths"),
    ("two_kinds", "TwoKinds", "two groups with unequal spaces, one agent and three"),
    ("waits", "Waits", "each agent acts every one to four steps"),
    ("recall", "Recall", "show a cue, hide it, ask for it"),
):
    register_world(_name, f"{_PROBES}.{_name}:{_class}", description=_about, probe=True)
