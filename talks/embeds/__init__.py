"""Players for video and slides, and the rule for links. Imports nothing of ours; these names are its door."""

from talks.embeds.addresses import MAX_ADDRESS, web_address
from talks.embeds.pasted import MAX_PASTED, recognise
from talks.embeds.players import Found, Player, Refused
from talks.embeds.providers import frame_hosts, player, providers

__all__ = [
    "MAX_ADDRESS",
    "MAX_PASTED",
    "Found",
    "Player",
    "Refused",
    "frame_hosts",
    "player",
    "providers",
    "recognise",
    "web_address",
]
