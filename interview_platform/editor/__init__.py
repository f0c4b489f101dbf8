"""The shared document of an interview: a Yjs text, its keyframes, and its state at any moment."""
