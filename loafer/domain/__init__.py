"""Pure rules and values of delivery: no I/O, no clock (time comes in as an argument), no logging."""
