"""How large the shared document and its edits may be, and which edits belong on a thread."""

# How long the text may be, and one update of it, in bytes. An update of a whole text fits, with
# room for what frames it; written in base64, as long polling does, it fits a message.
MAX_TEXT = 1024 * 1024
MAX_UPDATE = 1_500_000
# How many clients may have written in the document. Each page that is loaded is another one.
MAX_CLIENTS = 4096
# What the document may weigh with the traces of what was deleted, in bytes.
MAX_STATE = 4 * 1024 * 1024
# Updates of more bytes are heavy. So are those where this is the product of their bytes and of
# the bytes that the document holds beside its text: at the worst the library goes through all
# characters that were ever typed for each that is new, in 100 ns a character.
HEAVY_UPDATE = 8 * 1024
HEAVY_PRODUCT = 5_000_000
# How many seconds of processor time one update may take at most.
MAX_SECONDS = 5.0

# Whole texts are heavy beyond these: in characters of both texts, in edits that it crossed with,
# and in characters of both texts that have to be compared.
HEAVY_TEXT = 32 * 1024
HEAVY_CROSSING = 100
HEAVY_COMPARISON = 100

# A whole text becomes so many edits at most, of any document and of one with a short past: the
# library goes through all that was ever typed for each, and so does each change that an edit
# crossed with.
LEAST_EDITS = 16
MOST_EDITS = 250
MOST_BYTES_PASSED = 16 * 1024 * 1024
MOST_CROSSINGS = 200_000

# Updates that are kept apart until they are folded into one state, and their bytes.
MAX_PARTS = 1000
MAX_PARTS_BYTES = 8 * 1024 * 1024
# What an edit weighs in an update beside its text, in bytes, at the most.
EDIT_FRAME = 64
