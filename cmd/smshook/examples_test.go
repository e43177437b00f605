package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers/providertest"
)

const examples = "../../providers/webhook/testdata/examples"

// The answers are those in the gateways' references.
var gatewayAnswers = map[string][]struct {
	status       int
	answer, want string
}{
	"telnyx": {
		{200, `{"data":{"id":"40385f64-5717-4562-b3fc-2c963f66afa6","record_type":"message","to":[{"phone_number":"+15555550199","status":"queued"}],"parts":1,"errors":[]}}`,
			"accepted as [40385f64-5717-4562-b3fc-2c963f66afa6]"},
		{401, `{"errors":[{"code":"10009","title":"Authentication failed","detail":"Could not find any usable credentials."}]}`,
			"account (code 10009): answer 401: Could not find any usable credentials."},
		{400, `{"errors":[{"code":"40300","title":"Blocked due to STOP message"}]}`, "recipient (code 40300): answer 400: Blocked due to STOP message"},
		{400, `{"errors":[{"code":"40318","title":"Queue full"}]}`, "temporary (code 40318): answer 400: Queue full"},
		{200, `{}`, "unknown: answer 200: the answer doesn't say whether it is a success"},
	},
	"infobip": {
		{200, `{"bulkId":"b-1","messages":[{"messageId":"i-1","status":{"groupId":1,"groupName":"PENDING","id":26,"name":"PENDING_ACCEPTED"},"destination":"15555550199"}]}`,
			"accepted as [i-1]"},
		{200, `{"messages":[{"messageId":"i-1","status":{"groupId":5,"groupName":"REJECTED","id":12,"name":"REJECTED_NOT_ENOUGH_CREDITS"}}]}`,
			"account (code 12): answer 200: not what SUCCESS says: REJECTED_NOT_ENOUGH_CREDITS"},
		{200, `{"messages":[{"messageId":"i-1","status":{"groupId":5,"groupName":"REJECTED","id":10,"name":"REJECTED_DND"}}]}`,
			"recipient (code 10): answer 200: not what SUCCESS says: REJECTED_DND"},
		{401, `{"requestError":{"serviceException":{"messageId":"UNAUTHORIZED","text":"Invalid login details"}}}`,
			"account (code UNAUTHORIZED): answer 401: Invalid login details"},
	},
	"africastalking": {
		{201, `{"SMSMessageData":{"Message":"Sent to 1/1 Total Cost: KES 0.8000","Recipients":[{"statusCode":101,"number":"+15555550199","status":"Success","cost":"KES 0.8000","messageId":"ATPid_1"}]}}`,
			"accepted as [ATPid_1]"},
		{201, `{"SMSMessageData":{"Message":"Sent to 0/1","Recipients":[{"statusCode":406,"number":"+15555550199","status":"UserInBlacklist","cost":"0","messageId":"None"}]}}`,
			"recipient (code 406): answer 201: not what SUCCESS says: UserInBlacklist"},
		{201, `{"SMSMessageData":{"Message":"InvalidSenderId","Recipients":[]}}`,
			"account (code InvalidSenderId): answer 201: not what SUCCESS says: InvalidSenderId"},
		{401, `The supplied authentication is invalid`, "account: answer 401"},
	},
	"solomobile": {
		{200, `{"success":true,"message_id":"msg_1","status":"sent","segments":1,"from_number":"+15555550100","to_number":"+15555550199"}`, "accepted as [msg_1]"},
		{400, `{"error":{"code":"INVALID_PHONE_NUMBER","message":"Not a number: +15555550199"}}`,
			"recipient (code INVALID_PHONE_NUMBER): answer 400: Not a number: [secret]"},
		{200, `{"error":{"code":"SMS_NOT_ENABLED","message":"no"}}`, "account (code SMS_NOT_ENABLED): answer 200: not what SUCCESS says: no"},
		{200, `{"success":false}`, "rejected: answer 200: not what SUCCESS says"},
	},
	"unverified/sinch": {
		{201, `{"id":"01FC66621XXXXX119Z8PMV1QPA"}`, "accepted as [01FC66621XXXXX119Z8PMV1QPA]"},
		{400, `{"code":"syntax_invalid_parameter_format","text":"no"}`, "rejected (code syntax_invalid_parameter_format): answer 400: no"},
	},
	"unverified/telegram": {
		{200, `{"ok":true,"result":{"request_id":"111111111111111","phone_number":"15555550199","request_cost":0.01}}`, "accepted as [111111111111111]"},
		{200, `{"ok":false,"error":"PHONE_NUMBER_NOT_AVAILABLE"}`, "channel (code PHONE_NUMBER_NOT_AVAILABLE): answer 200: not what SUCCESS says"},
		{200, `{"ok":false,"error":"ACCESS_TOKEN_INVALID"}`, "account (code ACCESS_TOKEN_INVALID): answer 200: not what SUCCESS says"},
	},
	"unverified/termii": {
		{200, `{"code":"ok","message_id":"9122821270554876574","message":"Successfully Sent","balance":9}`, "accepted as [9122821270554876574]"},
		{401, `{"message":"Invalid API key replace_me"}`, "account: answer 401: Invalid API key [secret]"},
	},
	"unverified/messagebird": {
		{201, `{"id":"e8077d803532c0b5937c639b60216938","recipients":{"totalSentCount":1}}`, "accepted as [e8077d803532c0b5937c639b60216938]"},
		{201, `{"id":"e8077d803532c0b5937c639b60216938","recipients":{"totalSentCount":0}}`, "rejected: answer 201: not what SUCCESS says"},
		{422, `{"errors":[{"code":25,"description":"Not enough balance","parameter":null}]}`, "account (code 25): answer 422: Not enough balance"},
	},
}

// ownValue is as long as replace_me, because the requests contain their lengths.
const ownValue = "own_value1"

var gatewayURL = regexp.MustCompile(`(?m)^([A-Z0-9]+_URL)=(https://[^/]+)(.*)$`)

// Each example of a gateway goes through the whole program: the loader, the provider, CODES and the removal of secrets from errors. Only
// the host is replaced.
func TestGatewayExamples(t *testing.T) {
	for name, answers := range gatewayAnswers {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(examples, name+".env"))
			require.NoError(t, err)
			f := providertest.NewFake(t)
			host := gatewayURL.FindSubmatch(text)[2]
			// The loader refuses replace_me. The comparison below has it again.
			local := strings.ReplaceAll(gatewayURL.ReplaceAllString(string(text), "$1="+f.URL+"$3"), "replace_me", ownValue)
			env := strings.Split(strings.TrimSpace(local), "\n")
			for i, test := range answers {
				f.Answer(providertest.Answer{Status: test.status, Body: strings.ReplaceAll(test.answer, "replace_me", ownValue)})
				r := smshook(t, "", env, "send", "-code", "028687", "+15555550199")
				require.Empty(t, r.stderr)
				line, _, _ := strings.Cut(r.stdout, "\n")
				fields := strings.SplitN(line, "  ", 3)
				require.Len(t, fields, 3, line)
				require.Equal(t, test.want, fields[2])
				requests := f.Requests()
				require.Len(t, requests, 1)
				if i == 0 {
					providertest.Golden(t, filepath.Join(examples, name+".txt"), string(host)+"\n"+strings.ReplaceAll(requests[0].String(), ownValue, "replace_me"))
				}
			}
		})
	}
}

// A user who can't be reached on a gateway's channel gets an SMS. Other instances of that channel are skipped.
func TestUsersWithoutTheChannelGetAnSMS(t *testing.T) {
	telegram, twilio := providertest.NewFake(t), providertest.NewFake(t, providertest.Answer{Status: 201, Body: accepted})
	telegram.Answer(providertest.Answer{Status: 200, Body: "NOT AVAILABLE"})
	env := serveEnv(twilio.URL, "SMSHOOK_PROVIDERS=telegram=webhook,other=webhook,twilio")
	for _, name := range []string{"TELEGRAM", "OTHER"} {
		env = append(env, name+"_URL="+telegram.URL+"/send", name+"_BODY=to={{ .ToNational }}&code={{ .Code }}", name+"_CHANNEL=telegram",
			name+"_SUCCESS=2xx; body=^OK", name+"_ERROR_CODE=body=^(NOT) ", name+"_CODES=NOT=channel")
	}
	r := smshook(t, "", env, "send", "-code", "028687", "+15555550199")
	require.Equal(t, exitOK, r.code, r.stdout)
	require.Contains(t, r.stdout, "channel (code NOT): answer 200: not what SUCCESS says")
	require.Len(t, twilio.Requests(), 1)
	requests := telegram.Requests()
	require.Len(t, requests, 1)
	require.Contains(t, requests[0].String(), "to=5555550199\n")
}

// The README has the examples that are tested, and all examples are tested.
func TestREADMEShowsTheExamples(t *testing.T) {
	readme, err := os.ReadFile("../../providers/webhook/README.md")
	require.NoError(t, err)
	verified, err := filepath.Glob(filepath.Join(examples, "*.env"))
	require.NoError(t, err)
	unverified, err := filepath.Glob(filepath.Join(examples, "unverified", "*.env"))
	require.NoError(t, err)
	require.Len(t, gatewayAnswers, len(verified)+len(unverified))
	for _, file := range append(verified, unverified...) {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Contains(t, string(readme), "```sh\n"+string(text)+"```\n", file)
	}
	_, after, found := strings.Cut(string(readme), "unverified")
	require.True(t, found)
	for _, file := range unverified {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Contains(t, after, string(text), "the README must call %s unverified", file)
	}
}
