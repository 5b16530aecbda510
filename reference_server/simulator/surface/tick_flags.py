"""What changed with a tick, as its `flags` say."""

from reference_server.simulator.surface.constants import CONSTANTS

BOTH_SIDES, BID_ONLY, ASK_ONLY = 134, 130, 132  # 0x80 and 2 (bid), 4 (ask): the values seen on real terminals
BID, ASK = CONSTANTS["TICK_FLAG_BID"], CONSTANTS["TICK_FLAG_ASK"]
LAST, VOLUME = CONSTANTS["TICK_FLAG_LAST"], CONSTANTS["TICK_FLAG_VOLUME"]
DEAL_BOUGHT, DEAL_SOLD = CONSTANTS["TICK_FLAG_BUY"], CONSTANTS["TICK_FLAG_SELL"]
SAYS_CHANGES = BID | ASK | LAST | VOLUME
