package submission

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/api"
	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/providers"
)

func TestAMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		m := d.take(shop, "", `{"to":"+14155551234","from":"+16045551234","body":"Hi €","metadata":{"order": 7}}`)
		require.Regexp(t, `^msg_[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, m.ID)
		created := api.Time{Time: d.begun}
		want := api.Message{Success: true, ID: m.ID, Status: api.Queued, Segments: 1, From: from, To: to, CreatedAt: created, Metadata: json.RawMessage(`{"order": 7}`)}
		require.Equal(t, want, *m)
		synctest.Wait()
		want.Status = api.Sent
		got, problem := d.Message(t.Context(), shop, m.ID)
		require.Nil(t, problem)
		got.CreatedAt = api.Time{Time: got.CreatedAt.In(time.Local)}
		require.True(t, got.CreatedAt.Equal(created.Time))
		got.CreatedAt = created
		want.Metadata = json.RawMessage(`{"order":7}`)
		require.Equal(t, want, *got)
		d.shows([]string{`Hi € from "+16045551234" to +14155551234, life 0s at 0s`}, []string{"sent at 0s"})
		d.receipt(strings.TrimPrefix(m.ID, "msg_"), providers.StateDelivered)
		d.receipt(strings.TrimPrefix(m.ID, "msg_"), providers.StateDelivered)
		synctest.Wait()
		require.Equal(t, api.Delivered, d.status(shop, m.ID))
		d.shows([]string{`Hi € from "+16045551234" to +14155551234, life 0s at 0s`}, []string{"sent at 0s", "delivered at 0s"})
		for _, c := range []Caller{other, user, {}} {
			require.Equal(t, api.Status(api.NotFound), d.status(c, m.ID))
			_, problem = d.Cancel(t.Context(), c, m.ID)
			require.Equal(t, notFound, problem)
		}
		for _, id := range []string{"", "msg_", strings.TrimPrefix(m.ID, "msg_"), m.ID + "/sent", "msg_" + strings.Repeat("x", 10_000)} {
			require.Equal(t, api.Status(api.NotFound), d.status(shop, id))
		}
		time.Sleep(keep)
		require.Equal(t, api.Status(api.NotFound), d.status(shop, m.ID))
	})
}

// Nothing of a message can be read in the queue, and nothing of its text is there after its end.
func TestWhatIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		m := d.take(shop, "", hi)
		id := strings.TrimPrefix(m.ID, "msg_")
		item, _, _, err := d.queue.Item(t.Context(), id)
		require.NoError(t, err)
		require.NotContains(t, string(item.Body), "4155551234")
		synctest.Wait()
		item, state, _, err := d.queue.Item(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, ledger.ItemEnded, state)
		kept, err := d.open(id, item.Body)
		require.NoError(t, err)
		require.Equal(t, []string{to, "", "sent"}, []string{kept.To, kept.Text, string(kept.Status)})
	})
}

func TestRequestsThatAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		for body, want := range map[string]*api.Problem{
			`{"to":"+14155551234","from":"+16045550000","body":"Hi"}`:                     notSender,
			`{"to":"+14155551234","body":"Hi","scheduled_at":"1999-12-31T23:59:00Z"}`:     {Status: 400, Code: api.InvalidRequest, Message: "The 'scheduled_at' field must be in the future; the server's time is 2000-01-01T00:00:00Z"},
			`{"to":"+14155551234","body":"Hi","scheduled_at":"2000-01-08T00:00:00.001Z"}`: {Status: 400, Code: api.InvalidRequest, Message: "The 'scheduled_at' field must be at most 7 days ahead"},
			`{"to":["` + strings.Repeat(to+`","`, 10) + `"],"body":"Hi","from":"nobody"}`: notSender,
		} {
			_, problem := d.ask(shop, "", body)
			require.Equal(t, want, problem)
		}
		for number, tt := range map[string]struct {
			media string
			want  *api.Problem
		}{
			"+33612345678": {"", unreachable}, // a country that the settings block
			"+99912345678": {"", unreachable},
			to:             {`,"media_urls":["https://example.com/a.png"]`, noInstance},
		} {
			answers, problem := d.ask(shop, "", fmt.Sprintf(`{"to":%q,"body":"Hi"%s}`, number, tt.media))
			require.Nil(t, problem)
			require.Equal(t, []Answer{{Problem: tt.want}}, answers)
		}
		synctest.Wait()
		d.shows(nil, nil)
	})
}

// Each number of a list has its own answer, in the order of the list.
func TestLists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		answers, problem := d.ask(shop, "", `{"to":["+14155551234","123","+14155551234","+33612345678","+14155551235"],"body":"Hi"}`)
		require.Nil(t, problem)
		require.Len(t, answers, 5)
		for i, want := range []any{"+14155551234", api.Recipient(providers.NewSecret("123")), repeated, unreachable, "+14155551235"} {
			if answers[i].Message != nil {
				require.Equal(t, want, answers[i].Message.To)
				continue
			}
			require.Equal(t, want, answers[i].Problem)
		}
		synctest.Wait()
		require.Equal(t, api.Sent, d.status(shop, answers[0].Message.ID))
		require.Equal(t, api.Sent, d.status(shop, answers[4].Message.ID))

		var numbers []string
		for i := range api.MaxRecipients {
			numbers = append(numbers, fmt.Sprintf(`"+1415556%04d"`, i))
		}
		d.sent = nil
		answers, problem = d.ask(shop, "key", `{"to":[`+strings.Join(numbers, ",")+`],"body":"Hi"}`)
		require.Nil(t, problem)
		ids := map[string]bool{}
		for i, a := range answers {
			require.Equal(t, numbers[i], `"`+a.Message.To+`"`)
			ids[a.Message.ID] = true
		}
		require.Len(t, ids, api.MaxRecipients)
		synctest.Wait()
		require.Len(t, d.sent, api.MaxRecipients)
		again, problem := d.ask(shop, "key", `{"to":[`+strings.Join(numbers, ",")+`],"body":"Hi"}`)
		require.Nil(t, problem)
		require.Equal(t, answers[999].Message.ID, again[999].Message.ID)
		synctest.Wait()
		require.Len(t, d.sent, api.MaxRecipients)
	})
}

func TestIdempotency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, func(s *Settings) { s.KeyLimit = policy.Limit{Most: 3, Per: time.Hour} })
		first := d.take(shop, "order 7", hi)
		synctest.Wait()
		again := d.take(shop, "order 7", hi)
		require.Equal(t, []any{first.ID, api.Sent}, []any{again.ID, again.Status}, "after the end")
		for _, body := range []string{hi + " ", strings.Replace(hi, "Hi", "Ho", 1)} {
			_, problem := d.ask(shop, "order 7", body)
			require.Equal(t, keyReused, problem)
		}
		require.NotEqual(t, first.ID, d.take(other, "order 7", hi).ID, "another caller")
		require.NotEqual(t, first.ID, d.take(Caller{User: "shop"}, "order 7", hi).ID, "a user with the name of a key")

		ids := make([]string, 20)
		var running sync.WaitGroup
		for i := range ids {
			running.Go(func() {
				answers, problem := d.ask(user, "at once", strings.Replace(hi, to, "+14155551235", 1))
				if problem == nil && answers[0].Message != nil {
					ids[i] = answers[0].Message.ID
				}
			})
		}
		running.Wait()
		for _, id := range ids {
			require.Equal(t, ids[0], id)
		}
		require.NotEmpty(t, ids[0])
		synctest.Wait()
		require.Len(t, d.sent, 4)

		later := d.scheduled(time.Minute)
		first = d.take(other, "later", later)
		_, problem := d.Cancel(t.Context(), other, first.ID)
		require.Nil(t, problem)
		require.Equal(t, api.Canceled, d.take(other, "later", later).Status)
		time.Sleep(keep)
		require.Equal(t, api.Queued, d.take(shop, "order 7", hi).Status, "it is forgotten")
		synctest.Wait()
		require.Len(t, d.sent, 5)
	})
}

// A limit is of one caller. What is refused charges nothing, and a repeat neither.
func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, func(s *Settings) {
			s.KeyLimit, s.UserLimit = policy.Limit{Most: 2, Per: time.Minute}, policy.Limit{Most: 1, Per: time.Hour}
		})
		d.take(shop, "a", hi)
		d.take(shop, "a", hi)
		_, problem := d.ask(shop, "", `{"to":"+14155551234","body":"Hi","from":"nobody"}`)
		require.Equal(t, notSender, problem)
		answers, problem := d.ask(shop, "", `{"to":["+33612345678","+14155551230","+14155551231"],"body":"Hi"}`)
		require.Nil(t, problem)
		require.Equal(t, []Answer{{Problem: unreachable}, {Message: answers[1].Message}, {Problem: api.Limited(30 * time.Second)}}, answers)
		d.take(other, "", hi)
		d.take(user, "", hi)
		answers, problem = d.ask(user, "", hi)
		require.Nil(t, problem)
		require.Equal(t, []Answer{{Problem: api.Limited(time.Hour)}}, answers)
		time.Sleep(30 * time.Second)
		d.take(shop, "", hi)
	})
}

// The limits against SMS pumping are for users: a key is that of a server of the operator.
func TestLimitsOfTheApp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		for range 3 {
			require.Equal(t, api.Queued, d.take(shop, "", hi).Status)
		}
		first, second := d.take(user, "", hi), d.take(user, "", hi)
		synctest.Wait()
		require.ElementsMatch(t, []api.Status{api.Sent, api.Failed}, []api.Status{d.status(user, first.ID), d.status(user, second.ID)})
		found, err := d.ledger.Messages(t.Context(), ledger.Query{User: user.User, Limit: 10})
		require.NoError(t, err)
		require.Len(t, found, 2, "the record is the user's")
	})
}

// A queue that ends with the process: the answer waits for the provider, and nothing is taken that would be forgotten.
func TestMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, func(s *Settings) { s.Durable = false })
		d.slow = time.Second
		require.Equal(t, api.Sent, d.take(shop, "", hi).Status)
		require.Equal(t, time.Second, time.Since(d.begun))
		d.answers = []error{rejected}
		m := d.take(shop, "", hi)
		require.Equal(t, []any{api.Failed, false}, []any{m.Status, m.Success})
		_, problem := d.ask(shop, "", d.scheduled(time.Minute))
		require.Equal(t, forgets, problem)
		_, problem = d.ask(shop, "", `{"to":["`+strings.Repeat(to+`","`, mostDirect)+`x"],"body":"Hi"}`)
		require.Equal(t, longList, problem)

		d.answers = []error{temporary}
		begun := time.Now()
		require.Equal(t, api.Queued, d.take(shop, "", hi).Status, "it is tried again")
		require.Equal(t, wait, time.Since(begun))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		request, _ := api.Decode([]byte(hi))
		_, problem = d.Submit(ctx, shop, "", [32]byte{}, request)
		require.Nil(t, problem)
		require.Equal(t, wait+time.Second, time.Since(begun))
		require.Empty(t, d.Service.ended, "nobody waits any more")
	})
}
