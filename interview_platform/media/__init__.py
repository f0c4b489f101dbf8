"""Meeting by picture and sound: tokens for LiveKit, or addresses of STUN and TURN servers."""
