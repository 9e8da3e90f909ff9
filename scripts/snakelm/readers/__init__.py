"""Where rows come from: files of many formats, a URL, a Python callable, a dataset of the Hub."""
