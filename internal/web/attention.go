package web

import (
	"fmt"
	"strings"
	"time"

	"github.com/smshook/smshook/internal/ledger"
)

// attention is something that needs an operator.
type attention struct {
	Bad     bool // otherwise it is a warning
	Title   string
	Country string // that it is about; may be empty
	Detail  string
	Do      string
	Link    string // to the view that shows more; without the base
}

const (
	leastTries   = 8                // attempts, for a share of failures to say something
	leastRefused = 10               // refusals in a window, for a rule to be worth a line
	oldQueue     = 10 * time.Second // what is in a queue is taken from it at once
	leastKnown   = 20               // codes whose use is known, for a conversion to say something
)

// attentions lists what needs an operator, the worst first.
func attentions(live Live, queues []Queue, counts []ledger.Count, s sample, w window, observe bool) (list []attention) {
	if live.Store.Away {
		list = append(list, attention{Bad: true, Title: "The database can't be reached",
			Detail: fmt.Sprintf("Messages are sent all the same. Limits, repeats and flows hold for each replica alone. %d messages wait to be written.", live.Store.Owed),
			Do:     "Look whether the database runs, and whether SMSHOOK_STORE still has the right address and password. smshook check says what is wrong.", Link: "setup"})
	}
	if live.Store.Held {
		list = append(list, attention{Bad: true, Title: "The database is a copy of another one",
			Detail: "What waited in it to be sent is held, since the other one may send it.",
			Do:     "If nothing sends it from the other one, run smshook migrate -resume.", Link: "setup"})
	}
	for _, q := range queues {
		if q.Oldest >= oldQueue {
			list = append(list, attention{Bad: true, Title: fmt.Sprintf("The queue of %s is old: %s waiting", q.Name, count(q.Waiting)),
				Detail: "The oldest has been due for " + took(q.Oldest) + ".",
				Do:     "Look whether a replica with SMSHOOK_WORKER=on runs, and what its log says. Then look at the instances below: they may be too slow.", Link: ""})
		}
	}
	works := 0
	for _, i := range live.Instances {
		if i.Breaker == "closed" && i.Account == nil {
			works++
		}
	}
	for _, i := range live.Instances {
		list = append(list, instanceProblems(i, s.Instances[i.Name], works)...)
	}
	list = append(list, attacks(counts, w)...)
	for _, r := range byRule(counts) {
		if r.Refused >= leastRefused && decides(r.Key) {
			list = append(list, attention{Title: fmt.Sprintf("%s refuses messages: %d in the last %s", r.Key, r.Refused, w.Name),
				Detail: "These users were told to try again later.",
				Do:     "If they are real people, make the limit larger. If they are not, it does what it is for.", Link: "protection?window=" + w.Name})
		}
		if guarded := strings.HasPrefix(r.Key, "guard"); r.Observed >= leastRefused && (observe || guarded) {
			setting := "SMSHOOK_POLICY"
			if guarded {
				setting = "SMSHOOK_GUARD"
			}
			list = append(list, attention{Title: fmt.Sprintf("%s would have refused %d messages in the last %s", r.Key, r.Observed, w.Name),
				Detail: "It only observes, and refuses nothing.",
				Do:     "If these messages were not from real people, set " + setting + "=enforce.", Link: "protection?window=" + w.Name})
		}
	}
	return list
}

// decides reports whether a rule judges by what has happened. A list of countries or types refuses what the operator has asked it to.
func decides(rule string) bool {
	return strings.HasPrefix(rule, "limit_") || strings.HasPrefix(rule, "guard")
}

// instanceProblems are those of one instance. works is how many instances work.
func instanceProblems(i Instance, t *tries, works int) []attention {
	meanwhile := "Messages go through the other instances first."
	if works == 0 {
		meanwhile = "No other instance works: codes are probably not sent."
	}
	if i.Account != nil {
		code := ""
		if i.Account.Code != "" {
			code = " with code " + i.Account.Code
		}
		return []attention{{Bad: true, Title: i.Name + " refuses the account", Detail: i.Provider + " answers" + code + ": " + i.Account.Text + ". " + meanwhile,
			Do: "Look into the account at " + i.Provider + ": credentials, balance, sender, allowed countries. smshook check tries the credentials.", Link: "messages?instance=" + i.Name}}
	}
	if i.Breaker != "closed" {
		return []attention{{Bad: true, Title: fmt.Sprintf("%s fails: its circuit breaker is %s", i.Name, i.Breaker),
			Detail: "Its last attempts failed or had no answer. " + meanwhile,
			Do:     "Look at " + i.Provider + "'s status page. The instance is tried again every 30 s, and comes back by itself.", Link: "messages?instance=" + i.Name}}
	}
	if t == nil || t.All < leastTries || t.Failed*5 < t.All {
		return nil
	}
	return []attention{{Title: fmt.Sprintf("%s fails often: %d of its last %d attempts", i.Name, t.Failed, t.All),
		Detail: "Most failures are " + t.mostCommon() + ". " + meanwhile,
		Do:     "Look up the code at " + i.Provider + ", and at the provider's status page.", Link: "messages?instance=" + i.Name}}
}

// attacks are countries that look like SMS pumping: rules refuse much there, or hardly anybody uses the codes.
func attacks(counts []ledger.Count, w window) (list []attention) {
	for _, r := range byCountry(counts) {
		known := r.Conversion()
		unused := known.Whole >= leastKnown && known.Part*10 < known.Whole
		refused := r.Refused >= leastRefused && r.Refused*3 >= r.Messages
		if r.Key == "" || !unused && !refused {
			continue
		}
		var why []string
		if refused {
			why = append(why, fmt.Sprintf("%d of %d messages were refused", r.Refused, r.Messages))
		}
		if known.Whole > 0 {
			why = append(why, fmt.Sprintf("%d of %d codes were used", known.Part, known.Whole))
		}
		list = append(list, attention{Bad: true, Country: r.Key, Title: r.Key + " looks like an attack (SMS pumping)",
			Detail: "In the last " + w.Name + ", " + strings.Join(why, ", and ") + ".",
			Do:     "If you have no users there, add the country to SMSHOOK_BLOCKED_COUNTRIES. Otherwise set SMSHOOK_LIMIT_PREFIX and SMSHOOK_LIMIT_COUNTRY.",
			Link:   "protection?window=" + w.Name})
	}
	return list
}
