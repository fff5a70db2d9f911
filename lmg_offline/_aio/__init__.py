"""
What the client for asyncio is made of.

Here lives the way from an event loop to the client and back, and a face for each
namespace; nothing here decides anything, and nothing below may import it. Start
with `run.py`, then `lmg_offline/aio.py`.
"""
