package dispatch

import (
	"errors"
	"slices"
	"time"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/phone"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/providers"
)

// route is the instances for a number in the order in which they are tried: the one that seems to have lost the last message
// comes last.
func (d *Dispatcher) route(number phone.Number, lost string) []*race.Instance {
	instances := d.Instances
	if names := d.settings.Routes.Lookup(number.CallingCode(), number.Country); names != nil {
		instances = named(d.Instances, names)
	}
	instances = d.learned(number, instances)
	return startAfter(instances, lost)
}

// learned puts instances in the order of what their messages have brought in the number's country. Only instances of one channel that
// follow each other change places: WhatsApp before SMS, or a call after it, is the operator's choice.
func (d *Dispatcher) learned(number phone.Number, instances []*race.Instance) []*race.Instance {
	if d.settings.Learned == nil {
		return instances
	}
	country, now := number.Country(), time.Now()
	var sorted []*race.Instance
	for len(instances) > 0 {
		var names []string
		for _, i := range instances {
			if i.Channel() != instances[0].Channel() {
				break
			}
			names = append(names, i.Name)
		}
		sorted = append(sorted, named(instances, d.settings.Learned.Sort(country, names, now))...)
		instances = instances[len(names):]
	}
	return sorted
}

// named returns the instances of those names, in the order of the names.
func named(instances []*race.Instance, names []string) []*race.Instance {
	var list []*race.Instance
	for _, name := range names {
		at := slices.IndexFunc(instances, func(i *race.Instance) bool { return i.Name == name })
		list = append(list, instances[at])
	}
	return list
}

// startAfter turns the instances round so that the named one, if it is among them, is last.
func startAfter(instances []*race.Instance, name string) []*race.Instance {
	at := slices.IndexFunc(instances, func(i *race.Instance) bool { return i.Name == name })
	return slices.Concat(instances[at+1:], instances[:at+1])
}

// able returns the instances of a route that can send a message as its caller wants. An empty channel means any.
func able(route []*race.Instance, m providers.Message, channel string) []*race.Instance {
	if channel == "" && m.From == "" && len(m.Media) == 0 && !m.Code.Empty() {
		return route
	}
	return slices.DeleteFunc(slices.Clone(route), func(i *race.Instance) bool {
		return channel != "" && i.Channel() != channel || m.From != "" && !hasSender(i, m.From) ||
			len(m.Media) > 0 && !sendsMedia(i, m.Media) || m.Code.Empty() && onlyCodes(i)
	})
}

func hasSender(i *race.Instance, from string) bool {
	p, ok := providers.As[providers.Sender](i.Provider())
	return ok && slices.Contains(p.Senders(), from)
}

func sendsMedia(i *race.Instance, addresses []string) bool {
	p, ok := providers.As[providers.MediaSender](i.Provider())
	return ok && p.SendsMedia(addresses)
}

func onlyCodes(i *race.Instance) bool {
	p, ok := providers.As[providers.CodeSender](i.Provider())
	return ok && p.OnlyCodes()
}

// ErrNumber means that no message goes to a number: it can't be one, or a list of the settings refuses it.
var ErrNumber = errors.New("no message goes to this number")

// May returns nil if an instance may send what a request asks for. Otherwise it is [ErrNumber] or [ErrNoChannel], and will be so again.
func (d *Dispatcher) May(r Request) error {
	number, err := d.settings.PhoneCheck.Parse(r.Phone.Reveal())
	if err != nil {
		return ErrNumber
	}
	if _, verdict := d.Policy.Ask(r.subject(number)); !verdict.Allow {
		return ErrNumber
	}
	if len(able(d.route(number, ""), providers.Message{Code: r.Code, From: r.From, Media: r.Media}, r.Channel)) == 0 {
		return ErrNoChannel
	}
	return nil
}

// HasSender reports whether an instance sends from that number or name.
func (d *Dispatcher) HasSender(from string) bool {
	return slices.ContainsFunc(d.Instances, func(i *race.Instance) bool { return hasSender(i, from) })
}

// forRepeat puts the instances of a route in the order for a repeat: those not tried yet, then those that failed for a time. Those
// without an answer are left out: they may have the message.
func forRepeat(route []*race.Instance, tried []ledger.Attempt) []*race.Instance {
	if len(tried) == 0 {
		return route
	}
	var fresh, again []*race.Instance
	for _, instance := range route {
		switch a := attemptOf(tried, instance); {
		case a == nil:
			fresh = append(fresh, instance)
		case a.State != ledger.AttemptAccepted && a.Kind == providers.Temporary:
			again = append(again, instance)
		}
	}
	return append(fresh, again...)
}

// forResend are the instances of a route that have not tried the message, without those of a channel that the person isn't on.
func forResend(route []*race.Instance, tried []ledger.Attempt) []*race.Instance {
	off := map[string]bool{}
	for _, i := range route {
		if a := attemptOf(tried, i); a != nil && a.Over() && a.Kind == providers.Channel {
			off[i.Channel()] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(route), func(i *race.Instance) bool {
		return attemptOf(tried, i) != nil || off[i.Channel()]
	})
}

func attemptOf(tried []ledger.Attempt, i *race.Instance) *ledger.Attempt {
	at := slices.IndexFunc(tried, func(a ledger.Attempt) bool { return a.Instance == i.Name })
	if at < 0 {
		return nil
	}
	return &tried[at]
}
