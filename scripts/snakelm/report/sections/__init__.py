"""The sections of the page, one module and one template each: what a section shows, taken from the runs."""
