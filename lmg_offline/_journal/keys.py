"""An entry's key: `lane_id * 2**32 + seq`."""

LANE_SHIFT = 32
SEQ_MASK = (1 << LANE_SHIFT) - 1
