package postgres

// Functions are those that the role smshook may call.
var Functions = functions
