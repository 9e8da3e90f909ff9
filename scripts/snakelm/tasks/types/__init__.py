"""The built-in task types: each module registers one in `task_types`; nothing else lists them."""
