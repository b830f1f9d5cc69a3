"""The release definition as values: parsed, checked, merged into layers, rendered. Pure; Git is elsewhere."""
