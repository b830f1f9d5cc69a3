"""Pure helpers of the console: what a page says, worked out without Django, clock or database."""
