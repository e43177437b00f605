// Package tracing makes OpenTelemetry's spans: one for each message, with one for each of its attempts and receipts below it. Only a
// program that was built with the tag otel makes any, and only there are OpenTelemetry's libraries linked.
//
// No span has a code, a number, a text or what a provider has written.
package tracing
