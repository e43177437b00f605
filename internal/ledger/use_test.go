package ledger_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
)

// What Auth's account of a user says of a message that was asked for at second 100, and whose code lived until second 160.
func TestJudge(t *testing.T) {
	at := func(seconds float64) ledger.Time { return ledger.Time(seconds * 1e6) }
	sent := at(99.9998)
	type account = ledger.Account
	for _, tt := range []struct {
		name  string
		kind  ledger.Kind
		now   float64
		own   bool
		given account
		use   ledger.Use
		after ledger.Kind
		used  ledger.Time
	}{
		{"a sign-in, used", 0, 120, true, account{OTPSentAt: sent, ConfirmedAt: at(110)}, ledger.Used, ledger.OTP, at(110)},
		{"a sign-in, not yet used", 0, 120, true, account{OTPSentAt: sent, ConfirmedAt: at(90)}, 0, ledger.OTP, 0},
		{"a sign-in, expired", 0, 160, true, account{OTPSentAt: sent, ConfirmedAt: at(90)}, ledger.Unused, ledger.OTP, 0},
		{"a code that lives longer than the settings say", ledger.OTP, 400, true, account{OTPSentAt: sent, ConfirmedAt: at(300)}, ledger.Used, ledger.OTP, at(300)},
		{"a newer code is stored", ledger.OTP, 120, true, account{OTPSentAt: at(115), ConfirmedAt: at(90)}, ledger.Replaced, ledger.OTP, 0},
		{"a newer code is stored, and was used", ledger.OTP, 120, true, account{OTPSentAt: at(115), ConfirmedAt: at(118)}, ledger.Replaced, ledger.OTP, 0},
		{"used, and then an e-mail was sent", ledger.OTP, 120, true, account{OTPSentAt: at(115), ConfirmedAt: at(112)}, ledger.Used, ledger.OTP, at(112)},
		{"used, and then the password was changed", ledger.OTP, 120, true, account{ConfirmedAt: at(112)}, ledger.Used, ledger.OTP, at(112)},
		{"the account has another number", ledger.OTP, 160, false, account{OTPSentAt: sent, ConfirmedAt: at(110)}, ledger.Unused, ledger.OTP, 0},
		{"Auth has stored no code", ledger.OTP, 120, true, account{OTPSentAt: at(50)}, 0, ledger.OTP, 0},
		{"Auth has stored no code, and it is over", ledger.OTP, 160, true, account{OTPSentAt: at(50)}, ledger.UseUnknown, ledger.OTP, 0},
		{"one second earlier is the limit", 0, 160, true, account{OTPSentAt: at(99)}, ledger.Unused, ledger.OTP, 0},
		{"more than one second earlier", 0, 160, true, account{OTPSentAt: at(98.9)}, ledger.UseUnknown, 0, 0},
		{"a changed number, used", ledger.PhoneChange, 120, true, account{PhoneChangeSentAt: sent, ConfirmedAt: at(110)}, ledger.Used, ledger.PhoneChange, at(110)},
		{"a changed number, unused", ledger.PhoneChange, 160, false, account{PhoneChangeSentAt: sent, ConfirmedAt: at(110)}, ledger.Unused, ledger.PhoneChange, 0},
		{"a changed number, replaced", ledger.PhoneChange, 120, false, account{PhoneChangeSentAt: at(110)}, ledger.Replaced, ledger.PhoneChange, 0},
		{"a reauthentication is known by its time", 0, 120, true, account{OTPSentAt: at(20), ConfirmedAt: at(30), ReauthenticationSentAt: sent}, 0, ledger.Reauthentication, 0},
		{"a reauthentication, unused", 0, 160, true, account{OTPSentAt: at(20), ConfirmedAt: at(30), ReauthenticationSentAt: sent}, ledger.Unused, ledger.Reauthentication, 0},
		{"a reauthentication, used", ledger.Reauthentication, 120, true, account{OTPSentAt: at(20), ConfirmedAt: at(30)}, ledger.Used, ledger.Reauthentication, 0},
		{"a sign-in just before a reauthentication", 0, 160, true, account{OTPSentAt: at(99.5), ReauthenticationSentAt: sent}, ledger.Unused, ledger.Reauthentication, 0},
		{"a second factor", ledger.MFA, 160, true, account{OTPSentAt: sent, ConfirmedAt: at(110)}, 0, ledger.MFA, 0},
		{"a message of another caller", ledger.Other, 160, true, account{OTPSentAt: sent, ConfirmedAt: at(110)}, 0, ledger.Other, 0},
		{"an account that says nothing", ledger.OTP, 160, true, account{}, 0, ledger.OTP, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := ledger.Message{ID: "1", Result: ledger.Accepted, Kind: tt.kind, ReceivedAt: at(100), AskedAt: at(100), Life: time.Minute}
			want := m
			want.Use, want.Kind, want.UsedAt = tt.use, tt.after, tt.used
			changed := tt.use != 0 || tt.after != tt.kind
			require.Equal(t, changed, m.Judge(tt.given, tt.own, at(tt.now)))
			require.Equal(t, want, m)
			require.False(t, m.Judge(tt.given, tt.own, at(tt.now)), "it is no news twice")

			failed := ledger.Message{ID: "1", Kind: tt.kind, AskedAt: at(100), Life: time.Minute}
			require.False(t, failed.Judge(tt.given, tt.own, at(tt.now)), "Auth keeps no code whose message failed")
		})
	}
}

// A later call may know better.
func TestJudgeAgain(t *testing.T) {
	m := ledger.Message{Result: ledger.Accepted, Kind: ledger.OTP, ReceivedAt: 100e6, AskedAt: 100e6, Life: time.Minute}
	require.True(t, m.Judge(ledger.Account{OTPSentAt: 100e6 - 200}, true, 170e6))
	require.Equal(t, ledger.Unused, m.Use)
	require.True(t, m.Judge(ledger.Account{OTPSentAt: 100e6 - 200, ConfirmedAt: 180e6}, true, 200e6))
	require.Equal(t, ledger.Used, m.Use)
	require.False(t, m.Judge(ledger.Account{OTPSentAt: 300e6}, true, 400e6), "used stays used")
}
