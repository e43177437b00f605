package api

import _ "embed"

// Description is the OpenAPI description of the message API.
//
//go:embed openapi.json
var Description []byte
