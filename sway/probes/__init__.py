"""The probes, one file each, and what they share. `registry` names them all; importing this loads none."""
