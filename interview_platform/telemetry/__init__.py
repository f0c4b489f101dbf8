"""What is measured of a candidate's attention, with their consent: gaze, scores, alerts."""
