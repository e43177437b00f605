package app

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/providers"
)

// CheckInstance tries an instance's credentials if this is possible without sending a message, for 10 s at most. What it found is safe
// to print.
func CheckInstance(ctx context.Context, instance *race.Instance) (found string, ok bool) {
	checker, ok := providers.As[providers.Checker](instance.Provider())
	if !ok {
		return "not tried: this is only possible with a message (smshook send)", true
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	err := check(ctx, checker)
	if err == nil {
		return "ok", true
	}
	var refused *providers.Error
	if !errors.As(err, &refused) || refused.Kind != providers.Account {
		return err.Error(), false
	}
	var names []string
	for _, name := range checker.Credentials() {
		names = append(names, strings.ToUpper(instance.Name)+"_"+name)
	}
	return fmt.Sprintf("%v (tried with %s)", err, strings.Join(names, ", ")), false
}

// ReceiptsOff says how receipts are turned on.
const ReceiptsOff = "off: they need " + config.Prefix + "PUBLIC_URL and " + config.Prefix + "RECEIPT_SECRET"

// InstanceReceipts is how an instance sends delivery receipts, and what the operator still has to do for them.
type InstanceReceipts struct {
	Instance, Text string
	On             bool
}

// Receipts returns those of all instances. Receipts must be on.
func Receipts(c config.Config, instances []*race.Instance) (list []InstanceReceipts) {
	for _, instance := range instances {
		list = append(list, receiptsOf(c, instance))
	}
	return list
}

func receiptsOf(c config.Config, instance *race.Instance) InstanceReceipts {
	receiver, ok := providers.As[providers.Receiver](instance.Provider())
	if !ok {
		return InstanceReceipts{instance.Name, "none", false}
	}
	setup := receiver.Setup()
	setup.Enter = settingName.ReplaceAllString(setup.Enter, strings.ToUpper(instance.Name)+"_$0")
	setup.Unsigned = settingName.ReplaceAllString(setup.Unsigned, strings.ToUpper(instance.Name)+"_$0")
	if setup.Unsigned != "" && !slices.Contains(c.UnsignedReceipts, instance.Name) {
		return InstanceReceipts{instance.Name, fmt.Sprintf(
			"refused, because no signature can be checked: %s; to accept them without one, put %s into %sUNSIGNED_RECEIPTS",
			setup.Unsigned, instance.Name, config.Prefix), false}
	}
	return InstanceReceipts{instance.Name, receiptSetup(setup, c.Addresses().Of(instance.Name)), true}
}

// settingName matches the names of settings in a provider's texts. A provider doesn't know its instance's prefix.
var settingName = regexp.MustCompile(`\b[A-Z]+(_[A-Z]+)+\b`)

func receiptSetup(setup providers.ReceiptSetup, address providers.Callback) string {
	text := "the address is in each message"
	if setup.Enter != "" {
		text = "enter " + address.Whole() + " " + setup.Enter
	}
	if setup.Unsigned != "" {
		return text + "; not signed: " + setup.Unsigned
	}
	return text + "; signed"
}
