// An Action for Auth0's trigger send-phone-message: a second factor by phone, Security → Multi-factor Auth → Phone Message → Custom. It
// has smshook send the message. It needs two secrets, SMSHOOK_URL (https://sms.example.com/hooks/auth0) and SMSHOOK_SECRET
// (v1,whsec_…), and no dependency.
const crypto = require("node:crypto");

exports.onExecuteSendPhoneMessage = async (event) => {
  const { recipient, text, code, message_type } = event.message_options;
  const answer = await ask(event.secrets, {
    message_options: { recipient, text, code, message_type },
    request: { ip: event.request?.ip, language: event.request?.language },
    user: who(event.user),
  });
  if (!answer.sent) throw new Error(answer.reason); // this trigger has neither drop nor retry
};

const who = (user) => ({ user_id: user?.user_id, phone_number: user?.phone_number, phone_verified: user?.phone_verified });

// ask signs a call and sends it, a second time if the connection fails. The second try has the same webhook-id, so that no message is
// sent twice. https://www.standardwebhooks.com
async function ask(secrets, call) {
  const body = JSON.stringify(call);
  const id = `msg_${crypto.randomUUID()}`;
  for (let attempt = 1; ; attempt++) {
    const timestamp = Math.floor(Date.now() / 1000);
    const key = Buffer.from(secrets.SMSHOOK_SECRET.replace(/^v1,whsec_/, ""), "base64");
    const signature = crypto.createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64");
    try {
      const response = await fetch(secrets.SMSHOOK_URL, {
        method: "POST",
        headers: { "content-type": "application/json", "webhook-id": id, "webhook-timestamp": `${timestamp}`, "webhook-signature": `v1,${signature}` },
        body,
        redirect: "error",
        signal: AbortSignal.timeout(6000),
      });
      if (response.ok) return { sent: true };
      const { error } = await response.json().catch(() => ({ error: { retry: response.status >= 500 } }));
      return { retry: error?.retry === true, reason: error?.message ?? `smshook answered ${response.status}` };
    } catch {
      if (attempt === 2) return { retry: true, reason: "smshook could not be reached" };
    }
  }
}
