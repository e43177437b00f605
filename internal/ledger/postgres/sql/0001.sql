-- The schema of smshook, version 1. It is run in one transaction, by a role that may create roles and schemas; it need not be a superuser.
--
-- smshook_owner owns everything, and cannot log in. The role smshook is what `smshook serve` connects as: it may call the functions that
-- grants.go names, and reads no table. Points in time are microseconds since 1970. Numbers, users (but for the ids of Auth's), flows,
-- limits and the providers' names for messages are stored as keyed hashes of 8 bytes, which smshook computes; contents are sealed by
-- smshook.

do $$ begin
  if not exists (select from pg_roles where rolname = 'smshook_owner') then create role smshook_owner nologin noinherit; end if;
  if not exists (select from pg_roles where rolname = 'smshook') then create role smshook login noinherit; end if;
  execute format('grant smshook_owner to %I', current_user); -- since Postgres 16, creating a role doesn't allow to act as it
end $$;

create schema smshook authorization smshook_owner;
set local role smshook_owner;
alter default privileges revoke execute on functions from public;

-- == The version, and the key of the hashes

create table smshook.version (version int primary key, at timestamptz not null default now());

-- The key of HMAC-SHA256, padded to a block of 64 bytes and combined with one byte: https://www.rfc-editor.org/rfc/rfc2104
create function smshook.padded(key bytea, pad int) returns bytea language plpgsql immutable strict set search_path = '' as $$
declare
  block bytea := decode(repeat('00', 64), 'hex');
begin
  for i in 0 .. 63 loop
    block := set_byte(block, i, case when i < length(key) then get_byte(key, i) else 0 end # pad);
  end loop;
  return block;
end $$;

-- The key of the hashes, of 64 bytes at most. It never changes, so that limits and flows outlive a change of the hook's secrets.
create table smshook.hash_key (
  key        bytea not null check (length(key) <= 64),
  inner_pad  bytea generated always as (smshook.padded(key, 54)) stored,
  outer_pad  bytea generated always as (smshook.padded(key, 92)) stored
);
insert into smshook.hash_key (key) values (sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')));

-- == Tables

-- One row for each message: see ledger.Message. Changes find room on the page. Those of state, instance, kind and use, which are indexed,
-- also write to the indices: at the end of a race, at a receipt, and when it is known what became of the code.
create table smshook.message (
  id           text collate "C" primary key,
  version      int not null,                         -- counts the changes: a change that was computed from an older row is refused
  flow         bigint not null,                      -- smshook.flow.key
  mfa          boolean not null,                     -- ledger.Flow.MFA: no other message of the flow matters to it
  user_key     bigint not null,
  user_id      uuid,                                 -- Auth's, if the user has one: whose row it is, and whose codes smshook.settle looks at
  number_key   bigint not null,
  sign_in      bigint not null,                      -- these two are only compared: when the user last signed in,
  known        bigint not null,                      -- and what the caller knew of the user
  number       text not null,                        -- masked
  country      text not null,
  range        text not null,                        -- ledger.Call.Range
  received_at  bigint not null,                      -- by the clock of the database
  asked_at     bigint not null,                      -- by the clock of the caller
  life         bigint not null,                      -- of the code, from received_at, in microseconds
  answered_at  bigint not null default 0,            -- when a caller has heard that it was accepted; 0: none has
  committed    boolean not null default false,       -- it came by smshook.send_sms: Auth has its code, so no other call decides about it
  sending      boolean not null default false,
  owner        int not null,                         -- the replica that sends it, or did
  charged      boolean not null default false,       -- the rate limits have counted it
  abandoned    boolean not null default false,       -- ledger.Message.Left
  resending    boolean not null default false,       -- it is being sent again because of a receipt
  delivered_at bigint not null default 0,            -- 0: not, as far as is known
  state        text collate "C" not null,            -- ledger.Message.State, without regard to the time
  proven       boolean not null,
  kind         text collate "C" not null,
  use          text not null default '',
  used_at      bigint not null default 0,            -- by the clock of the caller; 0: not used
  segments     smallint not null,
  rule         text collate "C" not null default '', -- that has refused it, or would have
  why          text not null default '',             -- of a refusal: ledger.Message.Why
  result       text not null default 'failed',
  instance     text collate "C" not null default '', -- that has accepted it, or may have
  lost         text not null default '',             -- the instance that seemed to have lost the flow's message before
  attempts     jsonb not null default '[]'           -- postgres.attempt
) with (fillfactor = 60);
create index message_received_at on smshook.message (received_at, id);
create index message_user     on smshook.message (user_key, received_at, id);
create index message_number   on smshook.message (number_key, received_at, id);
create index message_country  on smshook.message (country, received_at, id);
create index message_instance on smshook.message (instance, received_at, id);
create index message_kind     on smshook.message (kind, received_at, id);
create index message_rule     on smshook.message (rule, received_at, id) where rule <> '';
create index message_state    on smshook.message (state, received_at, id);

-- The sealed contents of messages whose code has not expired.
create table smshook.content (
  id         text collate "C" primary key,
  expires_at bigint not null,
  sealed     bytea not null
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
create index content_expires_at on smshook.content (expires_at);

-- A flow's message that is being sent, and the message whose code is the valid one, as far as is known.
create table smshook.flow (
  key     bigint primary key,
  sending text collate "C",
  newest  text collate "C",
  stored  text collate "C"                -- the last message that came by smshook.send_sms
) with (fillfactor = 60);

-- Rate limits: the time until which a key has used up its limit. https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm
create table smshook.counter (
  key   bigint primary key,
  until bigint not null
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

-- The instances' names for messages, and the receipts that came before the message was known by the name.
create table smshook.name (
  key        bigint primary key,
  message_id text collate "C",
  at         bigint not null,
  receipts   jsonb
) with (fillfactor = 90);
create index name_at    on smshook.name (at);
create index name_early on smshook.name (at) where message_id is null;

-- A replica lives as long as its lease, and if locked is true, only as long as its session holds the advisory lock (20821, id).
create table smshook.replica (
  id          int primary key,
  lease_until bigint not null,
  locked      boolean not null,
  worked_at   bigint not null default 0   -- when it was last known to send what Auth has put into the outbox
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- == Time, and which replicas are alive

-- The only clock. Tests replace it.
create function smshook.clock() returns timestamptz language plpgsql volatile set search_path = '' as $$ begin return clock_timestamp(); end $$;

-- Now, in microseconds since 1970.
create function smshook.micros() returns bigint language plpgsql volatile set search_path = '' as $$
begin
  return extract(epoch from smshook.clock()) * 1000000;
end $$;

-- What a replica asks first. The key of the hashes is told to the role smshook alone: the hashes are computed by smshook, so that
-- numbers never stand in a statement, nor in the database's log.
create function smshook.hello(p jsonb) returns jsonb language sql security definer set search_path = '' as $$
  select jsonb_build_object('version', (select max(version) from smshook.version), 'key', encode((select key from smshook.hash_key), 'base64'),
    'now', smshook.micros(), 'pid', pg_backend_pid())
$$;

-- A replica shows that it is alive, and whether it sends what Auth has put into the outbox.
create function smshook.renew(p jsonb) returns jsonb language plpgsql security definer set search_path = '' as $$
declare
  now bigint := smshook.micros();
begin
  perform set_config('synchronous_commit', 'off', true);
  insert into smshook.replica as r (id, lease_until, locked, worked_at)
  values ((p->>'me')::int, now + (p->>'lease')::bigint, (p->>'locked')::boolean, case when (p->>'works')::boolean then now else 0 end)
  on conflict (id) do update set lease_until = greatest(r.lease_until, excluded.lease_until), locked = excluded.locked,
    worked_at = greatest(r.worked_at, excluded.worked_at);
  delete from smshook.replica where lease_until < now - 3600000000;
  return '{}';
end $$;

-- Whether a replica is alive.
create function smshook.alive(who int, now bigint) returns boolean language plpgsql volatile set search_path = '' as $$
declare
  r smshook.replica;
begin
  select * into r from smshook.replica where id = who;
  if not found or r.lease_until < now then return false; end if;
  -- The lock is free once the session is gone. Those who look share it, so that none of them takes another for the owner.
  return not r.locked or not pg_try_advisory_xact_lock_shared(20821, who);
end $$;

-- The replica that asks is alive, also if its session with the lock has just ended. Then only the lease counts, until the replica has a lock again.
create function smshook.asks(me int, lease bigint, now bigint) returns void language plpgsql set search_path = '' as $$
begin
  if not exists (select from smshook.replica r where r.id = me and r.lease_until >= now + lease / 2) or not smshook.alive(me, now) then
    insert into smshook.replica as r (id, lease_until, locked) values (me, now + lease, false)
    on conflict (id) do update set lease_until = greatest(r.lease_until, excluded.lease_until), locked = false;
  end if;
end $$;

-- == Records

-- A record without its contents. It has no search path of its own, so that Postgres can inline it: only functions with one call it.
create function smshook.shown(m smshook.message) returns jsonb language sql stable as $$
  select jsonb_build_object('id', m.id, 'version', m.version, 'number', m.number, 'country', m.country, 'range', m.range, 'received_at', m.received_at,
    'asked_at', m.asked_at, 'answered_at', m.answered_at, 'life', m.life, 'mfa', m.mfa, 'sending', m.sending, 'charged', m.charged, 'left', m.abandoned,
    'resending', m.resending, 'proven', m.proven, 'kind', m.kind, 'use', m.use, 'used_at', m.used_at, 'segments', m.segments, 'rule', m.rule,
    'why', m.why, 'result', m.result, 'instance', m.instance, 'lost', m.lost, 'attempts', m.attempts)
$$;

-- A record with its contents, as long as these are kept.
create function smshook.record(m smshook.message) returns jsonb language sql stable set search_path = '' as $$
  select smshook.shown(m) || jsonb_build_object('sealed', (select encode(c.sealed, 'base64') from smshook.content c where c.id = m.id))
$$;

-- Makes sure that a message isn't sent again. Returns its ID if it is being sent again now.
create function smshook.wipe(m smshook.message) returns text[] language plpgsql set search_path = '' as $$
begin
  delete from smshook.content where id = m.id;
  return case when m.resending then array[m.id] else array[]::text[] end;
end $$;

-- A caller has heard that a message was accepted: it becomes the newest of its flow, unless a newer one is. The code of the other one is no
-- longer valid. The flow is locked by the caller of this function.
create function smshook.answered(m smshook.message) returns text[] language plpgsql set search_path = '' as $$
declare
  newest smshook.message;
begin
  select x.* into newest from smshook.flow f join smshook.message x on x.id = f.newest where f.key = m.flow;
  if newest.id = m.id then return array[]::text[]; end if;
  if newest.id is not null and m.received_at < newest.received_at then return smshook.wipe(m); end if;
  update smshook.flow set newest = m.id where key = m.flow;
  if newest.id is null then return array[]::text[]; end if;
  return smshook.wipe(newest);
end $$;

-- == Rate limits

-- Makes all charges or none: returns the place of the charge that is over its limit and has to wait longest, and how long; -1 if none is.
-- All lock in the order of the charges, which is that of the rules. Rows are looked up one by one: a plan for all of them at once, made while the
-- table is small, would read the whole table later. A charge with "read" is looked at, and not made; one with "made" was made before.
create function smshook.charge(charges jsonb, now bigint, out over int, out after bigint) language plpgsql set search_path = '' as $$
declare
  e    jsonb;
  used bigint;
  wait bigint;
begin
  over := -1; after := 0;
  -- A limit that is used up is found without a lock, and without writing: an attack costs reads alone.
  for i in 0 .. jsonb_array_length(charges) - 1 loop
    e := charges->i;
    continue when e ? 'made';
    select c.until into used from smshook.counter c where c.key = (e->>'key')::bigint;
    wait := greatest(now, used) - now - ((e->>'most')::bigint - 1) * (e->>'interval')::bigint;
    if wait > after then over := i; after := wait; end if;
  end loop;
  if over >= 0 then return; end if;
  for i in 0 .. jsonb_array_length(charges) - 1 loop
    e := charges->i;
    continue when e ? 'made' or e ? 'read';
    insert into smshook.counter as c (key, until) values ((e->>'key')::bigint, now + (e->>'interval')::bigint)
    on conflict (key) do update set until = greatest(c.until, now) + (excluded.until - now) returning c.until into used;
    wait := used - now - (e->>'most')::bigint * (e->>'interval')::bigint;
    if wait > after then over := i; after := wait; end if;
  end loop;
  if over < 0 then return; end if;
  for i in 0 .. jsonb_array_length(charges) - 1 loop -- another call was faster: the rows are still locked
    e := charges->i;
    continue when e ? 'made' or e ? 'read';
    update smshook.counter c set until = c.until - (e->>'interval')::bigint where c.key = (e->>'key')::bigint;
  end loop;
end $$;

-- The charges of a message that came by smshook.send_sms, which has made some of them.
create function smshook.without_made(charges jsonb) returns jsonb language sql immutable set search_path = '' as $$
  select coalesce(jsonb_agg(case when e->>'rule' in ('limit_phone', 'limit_user', 'limit_ip') then e || '{"made": true}' else e end order by i), '[]')
  from jsonb_array_elements(charges) with ordinality x(e, i)
$$;

-- == Calls for a message: begin is asked for each; refuse and write note those that were decided without it

-- Answers a call: see ledger.Ledger.Begin. The caller's clock is translated into that of the database. Locks are taken in this order everywhere:
-- flow, message, name, counters.
create function smshook."begin"(p jsonb) returns jsonb language plpgsql security definer set search_path = '' as $$
declare
  now      bigint := smshook.micros();
  shift    bigint := now - (p->>'now')::bigint;
  received bigint := (p->>'received_at')::bigint + shift;
  me       int := (p->>'me')::int;
  waited   text := p->>'waited_for';
  flow_key bigint;
  m        smshook.message;
  f        smshook.flow;
  other    smshook.message;
  newest   smshook.message;
  known    boolean;
  alone    boolean := (p->>'mfa')::boolean or p ? 'queued'; -- it is sent whatever becomes of the other messages of the flow
  overtaken boolean := false;
  dead     boolean := false;
  unused   boolean;
  behind   text;
  ours     boolean; -- the caller's replica sends what the call is behind
  charged  record;
  answer   jsonb;
begin
  perform set_config('synchronous_commit', 'off', true);
  perform smshook.asks(me, (p->>'lease')::bigint, now);

  -- A repeat is of the flow of its message, whatever it says itself. Of two first calls with one ID and two flows, the one that inserts its
  -- message last fails, charges nothing, and is asked again.
  flow_key := coalesce((select x.flow from smshook.message x where x.id = p->>'id'), (p->>'flow')::bigint);
  select * into f from smshook.flow x where x.key = flow_key for update;
  if not found then
    insert into smshook.flow as x (key) values (flow_key) on conflict (key) do update set key = excluded.key returning * into f;
  end if;
  select * into m from smshook.message where id = p->>'id' for update;
  known := found;
  if known then
    dead := m.owner <> me and (m.sending or m.result = 'failed') and not smshook.alive(m.owner, now);
    -- What Auth has put there waits for no other message, and for no caller: its worker decides how long it is tried, and begins anew each time.
    alone := alone or m.committed;
    if m.committed then -- it had no text yet, and its country could not be told
      m.country := p->>'country'; m.range := p->>'range'; m.segments := (p->>'segments')::smallint;
    end if;
    if m.sending and dead then
      m.sending := false; m.abandoned := true;
    end if;
    if not m.sending and not m.committed and not p ? 'queued' and m.result = 'failed' and received - m.received_at >= (p->>'caller_waits')::bigint then
      return '{"answer": "replayed"}';
    end if;
    if m.sending then
      return jsonb_build_object('answer', 'behind', 'behind', m.id, 'ours', m.owner = me);
    end if;
    if not alone and m.answered_at = 0 and m.result in ('accepted', 'failed') then
      -- A newer message of the flow was answered before a caller has heard of this one: the newer code is stored, and stays valid.
      select * into newest from smshook.message where id = f.newest;
      overtaken := newest.id <> m.id and newest.answered_at > 0 and newest.received_at > m.received_at;
    end if;
    if overtaken then
      m.result := 'just_sent';
    elsif m.result <> 'failed' or m.id = waited and not m.abandoned then
      answer := jsonb_build_object('answer', 'repeat', 'result', m.result, 'first_at', m.received_at - shift, 'now', now);
      if m.result = 'accepted' then
        update smshook.message set answered_at = coalesce(nullif(answered_at, 0), now), version = version + 1 where id = m.id returning * into m;
        answer := answer || jsonb_build_object('stop', smshook.answered(m));
        answer := answer || jsonb_build_object('record', smshook.record(m));
      end if;
      return answer;
    end if;
  else
    m.id := p->>'id'; m.version := 0; m.flow := f.key; m.mfa := (p->>'mfa')::boolean; m.user_key := (p->>'user')::bigint; m.number_key := (p->>'number_key')::bigint;
    m.sign_in := (p->>'sign_in')::bigint; m.known := (p->>'known')::bigint; m.number := p->>'number'; m.country := p->>'country';
    m.user_id := (p->>'user_id')::uuid; m.range := p->>'range'; m.asked_at := (p->>'asked_at')::bigint; m.proven := (p->>'proven')::boolean;
    m.kind := p->>'kind'; m.segments := (p->>'segments')::smallint; m.rule := ''; m.use := ''; m.used_at := 0; m.delivered_at := 0;
    m.received_at := received; m.life := (p->>'life')::bigint; m.answered_at := 0; m.sending := false; m.charged := false; m.abandoned := false;
    m.resending := false; m.committed := false; m.result := 'failed'; m.instance := ''; m.lost := ''; m.attempts := '[]';
  end if;
  m.owner := me;

  if not m.mfa then
    select * into newest from smshook.message where id = f.newest;
  end if;
  if not alone then
    if waited is not null then
      select * into other from smshook.message where id = waited;
    end if;
    if m.result = 'just_sent' or other.result = 'accepted' and not other.sending and not other.abandoned
      or newest.id <> m.id and newest.known = m.known and m.received_at - newest.answered_at < (p->>'just_sent')::bigint then
      m.result := 'just_sent';
    elsif f.sending <> m.id then
      select * into other from smshook.message where id = f.sending and sending for update;
      if other.owner = me or smshook.alive(other.owner, now) then
        behind := other.id; ours := other.owner = me;
      else -- nobody sends it any more
        update smshook.message set sending = false, abandoned = true, version = version + 1,
          state = case when state = 'sending' then 'failed' else state end where id = other.id;
        f.sending := null;
      end if;
    end if;
  end if;

  answer := '{"over": -1, "after": 0}';
  if behind is null and m.result = 'failed' and not m.charged then
    charged := smshook.charge(case when m.committed then smshook.without_made(p->'charges') else p->'charges' end, now);
    unused := not alone and newest.id <> m.id and newest.sign_in = m.sign_in and m.received_at - newest.received_at < m.life;
    if charged.over >= 0 and not (p->>'observe')::boolean then
      m.result := case when unused then 'just_sent' else 'too_many' end;
    else
      m.charged := true;
    end if;
    if charged.over >= 0 then m.rule := p->'charges'->charged.over->>'rule'; end if;
    answer := jsonb_build_object('over', charged.over, 'after', charged.after);
  end if;
  if behind is null and m.result = 'failed' then
    answer := answer || jsonb_build_object('first_at', case when m.committed or p ? 'queued' then received else m.received_at end - shift,
      'dead', dead, 'attempts', m.attempts);
    m.sending := true; m.abandoned := false; m.lost := '';
    if not m.mfa then
      if newest.id <> m.id and newest.sign_in = m.sign_in and m.received_at - newest.received_at < (p->>'resend_window')::bigint
        and newest.delivered_at = 0 then
        m.lost := newest.instance;
      end if;
      if not alone then f.sending := m.id; end if;
    end if;
  end if;
  if not m.mfa then
    update smshook.flow set sending = f.sending where key = f.key and sending is distinct from f.sending;
  end if;

  if known and behind is not null then -- it waits as before
    return jsonb_build_object('answer', 'behind', 'behind', behind, 'ours', ours);
  end if;
  m.version := m.version + 1;
  m.state := case when m.sending then 'sending' when m.result <> 'failed' then 'refused' else 'queued' end;
  if known then
    update smshook.message set version = m.version, owner = m.owner, charged = m.charged, sending = m.sending, abandoned = m.abandoned,
      lost = m.lost, result = m.result, country = m.country, range = m.range, segments = m.segments, rule = m.rule,
      state = m.state where id = m.id;
  else -- by name: a later version may add columns
    insert into smshook.message (id, version, flow, mfa, user_key, user_id, number_key, sign_in, known, number, country, range, received_at,
      asked_at, life, sending, owner, charged, abandoned, state, proven, kind, segments, rule, lost, result)
    values (m.id, m.version, m.flow, m.mfa, m.user_key, m.user_id, m.number_key, m.sign_in, m.known, m.number, m.country, m.range,
      m.received_at, m.asked_at, m.life, m.sending, m.owner, m.charged, m.abandoned, m.state, m.proven, m.kind, m.segments, m.rule, m.lost,
      m.result);
  end if;
  if m.result <> 'failed' then
    if known then delete from smshook.content where id = m.id; end if;
  elsif p->>'sealed' is not null then
    insert into smshook.content values (m.id, least(m.received_at, now) + m.life, decode(p->>'sealed', 'base64')) on conflict (id) do nothing;
  end if;
  return answer || jsonb_build_object('answer', case when behind is not null then 'behind' when m.sending then 'go' else 'refused' end, 'behind', behind,
    'ours', ours, 'result', m.result, 'version', m.version, 'received_at', m.received_at, 'lost', m.lost, 'now', now);
end $$;

-- Notes a call that was refused before its message was begun.
create function smshook.refuse(p jsonb) returns jsonb language plpgsql security definer set search_path = '' as $$
declare
  now bigint := smshook.micros();
begin
  perform set_config('synchronous_commit', 'off', true);
  insert into smshook.message as m (id, version, flow, mfa, user_key, user_id, number_key, sign_in, known, number, country, range,
    received_at, asked_at, life, owner, proven, kind, segments, rule, why, result, state)
  values (p->>'id', 1, (p->>'flow')::bigint, (p->>'mfa')::boolean, (p->>'user')::bigint, (p->>'user_id')::uuid, (p->>'number_key')::bigint,
    (p->>'sign_in')::bigint, (p->>'known')::bigint, p->>'number', p->>'country', p->>'range',
    (p->>'received_at')::bigint + now - (p->>'now')::bigint, (p->>'asked_at')::bigint, (p->>'life')::bigint, (p->>'me')::int,
    (p->>'proven')::boolean, p->>'kind', (p->>'segments')::smallint, p->>'rule', p->>'why', p->>'result', 'refused')
  on conflict (id) do update set version = m.version + 1, number = excluded.number, rule = excluded.rule, why = excluded.why,
    result = excluded.result, state = excluded.state, country = excluded.country, range = excluded.range
  where m.committed and m.state = 'queued'; -- it came by smshook.send_sms
  return '{}';
end $$;

-- Notes a message that was decided without the database, unless there is a record of it. Its charges are made even if they go over a limit.
create function smshook.write(p jsonb) returns jsonb language plpgsql security definer set search_path = '' as $$
declare
  now   bigint := smshook.micros();
  shift bigint := now - (p->>'now')::bigint;
  m     smshook.message;
  stop  text[] := '{}';
  early jsonb := '[]';
begin
  perform set_config('synchronous_commit', 'off', true);
  insert into smshook.flow as x (key) values ((p->>'flow')::bigint) on conflict (key) do update set key = excluded.key;
  insert into smshook.message (id, version, flow, mfa, user_key, number_key, sign_in, known, number, country, received_at, life, owner,
    charged, abandoned, resending, result, instance, lost, attempts, answered_at, user_id, range, asked_at, proven, kind, segments, state,
    delivered_at)
  values (p->>'id', 1, (p->>'flow')::bigint, (p->>'mfa')::boolean, (p->>'user')::bigint, (p->>'number_key')::bigint,
    (p->>'sign_in')::bigint, (p->>'known')::bigint, p->>'number', p->>'country', (p->>'received_at')::bigint + shift, (p->>'life')::bigint,
    (p->>'me')::int, true, (p->>'left')::boolean, (p->>'resending')::boolean, p->>'result', p->>'instance', '', p->'attempts',
    case when (p->>'answered')::boolean then now else 0 end, (p->>'user_id')::uuid, p->>'range', (p->>'asked_at')::bigint,
    (p->>'proven')::boolean, p->>'kind', (p->>'segments')::smallint, p->>'state', (p->>'delivered_at')::bigint)
  on conflict (id) do nothing returning * into m;
  if not found then
    return '{"answer": "known"}';
  end if;
  early := smshook.bind(m.id, smshook.names(p), now);
  if p->>'sealed' is not null and least(m.received_at, now) + m.life > now then
    insert into smshook.content values (m.id, least(m.received_at, now) + m.life, decode(p->>'sealed', 'base64')) on conflict (id) do nothing;
  end if;
  if (p->>'answered')::boolean then
    stop := smshook.answered(m);
  end if;
  for i in 0 .. jsonb_array_length(p->'charges') - 1 loop
    insert into smshook.counter as c (key, until) values ((p->'charges'->i->>'key')::bigint, now + (p->'charges'->i->>'interval')::bigint)
    on conflict (key) do update set until = greatest(c.until, now) + (excluded.until - now);
  end loop;
  return jsonb_build_object('answer', 'written', 'early', early, 'stop', stop);
end $$;

-- == What becomes of a message: attempts, ends and receipts

-- Returns the record of a message.
create function smshook.message(p jsonb) returns jsonb language plpgsql security definer set search_path = '' as $$
declare
  m smshook.message;
begin
  select * into m from smshook.message where id = p->>'id';
  return jsonb_build_object('now', smshook.micros(), 'record', case when found then smshook.record(m) end);
end $$;

-- Binds names to a message, and returns the receipts that waited for them. The name of another message stays that message's.
create function smshook.bind(id text, names bigint[], now bigint) returns jsonb language plpgsql set search_path = '' as $$
declare
  k       bigint;
  waiting jsonb;
  early   jsonb := '[]';
begin
  foreach k in array names loop
    insert into smshook.name as n (key, message_id, at) values (k, bind.id, bind.now)
    on conflict (key) do update set message_id = excluded.message_id where n.message_id is null
    returning n.receipts into waiting;
    if found and waiting is not null then
      early := early || (select jsonb_agg(r.value) from jsonb_each(waiting) r);
    end if;
  end loop;
  return early;
end $$;

-- The names of a document, in the order in which they are locked.
create function smshook.names(p jsonb) returns bigint[] language plpgsql immutable set search_path = '' as $$
begin
  return array(select k::bigint from jsonb_array_elements_text(p->'names') k order by 1);
end $$;

-- Stores a changed record, if the row is as it was when the change was computed; else returns the row as it is now.
create function smshook.save(p jsonb) returns jsonb language plpgsql security definer set search_path = '' as $$
declare
  now   bigint := smshook.micros();
  m     smshook.message;
  stop  text[] := '{}';
  names bigint[];
  taken bigint[];
  early jsonb := '[]';
begin
  perform set_config('synchronous_commit', 'off', true);
  if (p->>'ended')::boolean or (p->>'answered')::boolean then
    perform from smshook.flow f where f.key = (select x.flow from smshook.message x where x.id = p->>'id') for update;
  end if;
  select * into m from smshook.message where id = p->>'id' for update;
  if not found then
    return '{"answer": "gone"}';
  end if;
  if m.version <> (p->>'version')::int then
    return jsonb_build_object('answer', 'conflict', 'record', smshook.record(m), 'now', now);
  end if;
  if jsonb_array_length(p->'names') > 0 then
    names := smshook.names(p);
    taken := array(select n.key from smshook.name n where n.key = any(names) and n.message_id <> m.id);
    if cardinality(taken) > 0 then
      return jsonb_build_object('answer', 'taken', 'taken', taken, 'record', smshook.record(m), 'now', now);
    end if;
    early := smshook.bind(m.id, names, now);
  end if;
  update smshook.message set version = version + 1, sending = (p->>'sending')::boolean, abandoned = (p->>'left')::boolean,
    resending = (p->>'resending')::boolean, delivered_at = (p->>'delivered_at')::bigint, state = p->>'state', result = p->>'result',
    instance = p->>'instance', attempts = p->'attempts', kind = p->>'kind', use = p->>'use', used_at = (p->>'used_at')::bigint,
    answered_at = case when (p->>'answered')::boolean then now else answered_at end
  where id = m.id returning * into m;
  if (p->>'ended')::boolean then
    update smshook.flow set sending = null where key = m.flow and sending = m.id;
  end if;
  if (p->>'answered')::boolean then
    stop := smshook.answered(m);
  end if;
  if (p->>'wiped')::boolean then
    delete from smshook.content where id = m.id;
  end if;
  return jsonb_build_object('answer', 'saved', 'version', m.version, 'early', early, 'stop', stop);
end $$;

-- Finds the message of a receipt: by the instance's name for it, or else by its ID. Without either, the receipt waits for its message.
create function smshook.receipt(p jsonb) returns jsonb language plpgsql security definer set search_path = '' as $$
declare
  now bigint := smshook.micros();
  m   smshook.message;
begin
  perform set_config('synchronous_commit', 'off', true);
  for round in 1..2 loop
    select x.* into m from smshook.name n join smshook.message x on x.id = n.message_id where n.key = (p->>'name')::bigint;
    if not found and p->>'id' <> '' then
      select * into m from smshook.message where id = p->>'id';
    end if;
    if m.id is not null then
      return jsonb_build_object('answer', 'found', 'record', smshook.record(m), 'now', now);
    end if;
    if not exists (select from smshook.name where key = (p->>'name')::bigint)
      and (select count(*) from smshook.name where message_id is null) >= (p->>'most')::int then
      return '{"answer": "full"}';
    end if;
    insert into smshook.name as n (key, at, receipts)
    values ((p->>'name')::bigint, now, jsonb_build_object(p->'receipt'->>'state', p->'receipt'))
    on conflict (key) do update set receipts = n.receipts || excluded.receipts where n.message_id is null;
    if found then
      return '{"answer": "kept"}';
    end if;
  end loop; -- the name has just become known
  return '{"answer": "full"}'; -- its message is deleted
end $$;

-- == What is asked of the history

-- The messages of a query, the newest first. Only the conditions that are asked for are in the statement, and their values are known when
-- it is planned.
create function smshook.messages(p jsonb) returns jsonb language plpgsql stable security definer set search_path = '' as $$
declare
  now      bigint := smshook.micros();
  question text := 'select m.* from smshook.message m where true';
  page     jsonb;
begin
  if p ? 'id'         then question := question || format(' and m.id = %L', p->>'id'); end if;
  if p ? 'names'      then question := question || format(' and m.id in (select n.message_id from smshook.name n where n.key = any(%L::bigint[]))',
                             array(select k::bigint from jsonb_array_elements_text(p->'names') k)); end if;
  if p ? 'number_key' then question := question || format(' and m.number_key = %s', (p->>'number_key')::bigint); end if;
  if p ? 'user'       then question := question || format(' and m.user_key = %s', (p->>'user')::bigint); end if;
  if p ? 'country'    then question := question || format(' and m.country = %L', p->>'country'); end if;
  if p ? 'instance'   then question := question || format(' and m.instance = %L', p->>'instance'); end if;
  if p ? 'kind'       then question := question || format(' and m.kind = %L', p->>'kind'); end if;
  if p ? 'rule'       then question := question || format(' and m.rule = %L and m.rule <> ''''', p->>'rule'); end if;
  if p ? 'since'      then question := question || format(' and m.received_at >= %s', (p->>'since')::bigint); end if;
  if p ? 'until'      then question := question || format(' and m.received_at < %s', (p->>'until')::bigint); end if;
  if p ? 'before_at'  then question := question || format(' and (m.received_at, m.id) < (%s, %L)', (p->>'before_at')::bigint, p->>'before_id'); end if;
  -- The column knows no time.
  if p->>'state' = 'queued' then question := question || format(' and m.state = ''queued'' and m.received_at + m.life > %s', now);
  elsif p->>'state' = 'expired' then question := question || format(' and m.state = ''queued'' and m.received_at + m.life <= %s', now);
  elsif p ? 'state' then question := question || format(' and m.state = %L', p->>'state'); end if;
  question := question || format(' order by m.received_at desc, m.id desc limit %s', least((p->>'limit')::int, 1000));
  execute 'select jsonb_agg(smshook.shown(m) order by m.received_at desc, m.id desc) from (' || question || ') m' into page;
  return coalesce(page, '[]');
end $$;

-- The messages of users of which it isn't known what became of their codes, with what they are told apart by.
create function smshook.undecided(p jsonb) returns jsonb language sql stable security definer set search_path = '' as $$
  select coalesce(jsonb_agg(jsonb_build_object('user', m.user_key, 'number_key', m.number_key, 'record', smshook.record(m)) order by m.received_at), '[]')
  from jsonb_array_elements_text(p->'users') u, lateral (
    select * from smshook.message x where x.user_key = u::bigint and x.use in ('', 'unused') and x.result = 'accepted' order by x.received_at desc limit 10) m
$$;

-- How many messages there are of each group, as ledger.Group has them. What is asked for is in variables: the parameter
-- would be read again for each row. The planner takes the groups for more than they are, and would sort.
create function smshook.count(p jsonb) returns jsonb language plpgsql stable security definer
set enable_sort = off set work_mem = '32MB' set jit = off set search_path = '' as $$
declare
  now     bigint := smshook.micros();
  since   bigint := p->>'since';
  until   bigint := p->>'until';
  step    bigint := p->>'step';
  counted jsonb;
begin
  select jsonb_agg(to_jsonb(g)) into counted from (
    select (m.received_at - since) / step * step + since as at, m.country, m.kind, m.rule, m.use,
      case when m.instance = '' and m.state = 'failed' then coalesce(m.attempts->-1->>'instance', '') else m.instance end as instance,
      case when m.state = 'queued' and m.received_at + m.life <= now then 'expired' else m.state end as state,
      count(*) as messages, sum(m.segments) as segments
    from smshook.message m where m.received_at >= since and m.received_at < until
    group by 1, 2, 3, 4, 5, 6, 7) g;
  return coalesce(counted, '[]');
end $$;

-- == What is forgotten

-- Forgets what is over, a batch of each kind at a time. A row that somebody else has locked is left for the next time. Answers in more whether the
-- next time should be soon, and in counters and refused whether it should look at these: the question of then has that.
create function smshook.sweep(p jsonb) returns jsonb language plpgsql security definer set search_path = '' as $$
declare
  now     bigint := smshook.micros();
  batch   int := (p->>'batch')::int;
  oldest  bigint := now - (p->>'keep')::bigint;
  stop    text[];
  reports jsonb;
  ids     text[];
  keys    bigint[];
  more    boolean := false;
  many    boolean := false;
  refused text[] := '{}';
begin
  perform set_config('synchronous_commit', 'off', true);
  ids := array(select id from smshook.content where expires_at <= now order by expires_at limit batch for update skip locked);
  delete from smshook.content where id = any(ids);
  stop := array(select id from smshook.message where id = any(ids) and resending);
  keys := array(select key from smshook.name where message_id is null and at <= now - (p->>'keep_early')::bigint order by at limit batch for update skip locked);
  with gone as (delete from smshook.name where key = any(keys) returning receipts)
  select jsonb_agg(r.value) into reports from gone, jsonb_each(gone.receipts) r;

  if pg_try_advisory_xact_lock(20822, 1) then -- one replica at a time deletes what is old
    ids := array(select id from smshook.message where received_at <= oldest order by received_at limit batch for update skip locked);
    more := cardinality(ids) = batch;
    if (p->>'refused')::boolean or random() < 0.03 then -- an attack may be refused for days: the newest messages of those are enough
      refused := array(select m.id from smshook.message m where m.state = 'refused' and m.received_at <= (select x.received_at from smshook.message x
        where x.state = 'refused' order by x.received_at desc offset (p->>'most_refused')::int limit 1) order by m.received_at limit 5 * batch for update skip locked);
      ids := ids || refused;
    end if;
    if cardinality(ids) > 0 then
      delete from smshook.content where id = any(ids);
      with gone as (delete from smshook.message where id = any(ids) returning flow)
      select array_agg(gone.flow) into keys from gone;
      keys := array(select f.key from smshook.flow f where f.key = any(keys) and not exists (select from smshook.message m where m.id = f.newest)
        and not exists (select from smshook.message m where m.id = f.sending) and not exists (select from smshook.message m where m.id = f.stored)
        for update skip locked);
      delete from smshook.flow where key = any(keys);
    end if;
    keys := array(select key from smshook.name where at <= oldest order by at limit batch for update skip locked);
    more := more or cardinality(keys) = batch;
    delete from smshook.name where key = any(keys);
    if (p->>'counters')::boolean or random() < 0.03 then -- a counter has no index by time, since that would make each charge dearer
      keys := array(select key from smshook.counter where until < now limit 5 * batch for update skip locked);
      many := cardinality(keys) = 5 * batch;
      delete from smshook.counter where key = any(keys);
    end if;
  end if;
  return jsonb_build_object('stop', stop, 'reports', coalesce(reports, '[]'),
    'counters', many, 'refused', cardinality(refused) = 5 * batch, 'more', more or many or cardinality(refused) = 5 * batch or exists (select from smshook.content) or exists (select from smshook.name where message_id is null));
end $$;

-- Erases a batch of the messages of an account or a number, with all that belongs to them, and the counters that are theirs alone. Returns how
-- many messages that were; 0 when there are no more.
create function smshook.erase(p jsonb) returns jsonb language plpgsql security definer set search_path = '' as $$
declare
  ids   text[];
  flows bigint[];
  keys  bigint[];
begin
  select array_agg(x.id), array_agg(distinct x.flow order by x.flow) into ids, flows from
    (select m.id, m.flow from smshook.message m where m.user_key = (p->>'user')::bigint or m.number_key = (p->>'number')::bigint limit (p->>'batch')::int) x;
  perform from smshook.flow f where f.key = any(flows) order by f.key for update;
  perform from smshook.message m where m.id = any(ids) order by m.id for update;
  keys := array(select ('x' || lpad(part->>'id', 16, '0'))::bit(64)::bigint
    from smshook.message m, jsonb_path_query(m.attempts, '$[*].parts[*]') part where m.id = any(ids));
  delete from smshook.content where id = any(ids);
  delete from smshook.outbox where id = any(ids) and serial = '';
  delete from smshook.message where id = any(ids);
  delete from smshook.flow where key = any(flows);
  delete from smshook.name where key = any(keys);
  delete from smshook.counter where key in (select k::bigint from jsonb_array_elements_text(p->'counters') k);
  return jsonb_build_object('erased', coalesce(cardinality(ids), 0));
end $$;

insert into smshook.version values (1);
reset role;
