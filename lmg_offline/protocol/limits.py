"""How large a replay may be."""

MAX_ENTRIES = 500
# What a server takes; a device sends less than half of it.
MAX_LANES = 500
MAX_BYTES = 512 * 1024
MAX_REPLY_BYTES = 1 << 20
