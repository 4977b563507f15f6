"""What the end-to-end tests stand on: real servers, real clients and the real binary, one small module each."""

import logging

# Its warnings are of no use here: a slow stringprep will do, and what matters in a stanza is asserted.
logging.getLogger("slixmpp").setLevel(logging.ERROR)
