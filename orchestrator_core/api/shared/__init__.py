"""Parts that the resources of every version use; no version imports another one."""
