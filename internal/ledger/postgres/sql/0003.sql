-- The outbox and the SQL hook, version 3 of the schema.
set local role smshook_owner;

-- What is done later than it was asked for, or by another process: see ledger.Queue. Beside what is sealed, it holds what Auth has asked for by
-- smshook.send_sms, with the number and the code, until a provider has the message or the code has expired.
create table smshook.outbox (
  id         text collate "C" primary key,
  place      bigint generated always as identity, -- the order in which items were put
  topic      text not null,
  serial     text not null default '',
  flow       text not null default '',          -- of smshook.send_sms: smshook.message.flow in hexadecimal digits
  priority   smallint not null,
  due_at     bigint not null,
  expires_at bigint not null,
  due        bigint not null generated always as (least(due_at, expires_at)) stored,
  put_at     bigint not null,
  state      smallint not null default 0,       -- ledger.ItemState
  behind     boolean not null default false,    -- an item of its serial that was put before has not ended
  overtaken  boolean not null default false,    -- an item of its flow was put later
  seen_live  boolean not null default false,    -- Auth has had the code
  owner      int,                               -- the replica that does it
  tries      int not null default 0,
  claim      bigint not null default 0,         -- the last one: only that may end the item
  keep_until bigint,                            -- of an item that has ended
  body       bytea not null
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 10000);
create index outbox_waiting on smshook.outbox (topic, priority, due, place) where state = 0 and not behind;
create index outbox_owner   on smshook.outbox (owner) where state = 1;
create index outbox_flow    on smshook.outbox (flow, place) where flow <> '' and state < 2;
create index outbox_serial  on smshook.outbox (serial, place) where serial <> '' and state < 2;
create index outbox_ended   on smshook.outbox (keep_until) where state > 1;

create sequence smshook.claims;

-- Puts an item, unless there is one of that ID. The caller holds the locks of its serial and of its flow.
create function smshook.outbox_put(i smshook.outbox) returns boolean language plpgsql set search_path = '' as $$
declare
  at bigint;
begin
  delete from smshook.outbox o where o.id = i.id and o.state > 1 and o.keep_until <= i.put_at;
  insert into smshook.outbox (id, topic, serial, flow, priority, due_at, expires_at, put_at, behind, body)
  values (i.id, i.topic, i.serial, i.flow, i.priority, i.due_at, i.expires_at, i.put_at,
    i.serial <> '' and exists (select from smshook.outbox o where o.serial = i.serial and o.serial <> '' and o.state < 2), i.body)
  on conflict (id) do nothing returning place into at;
  if not found then return false; end if;
  if i.flow <> '' then
    update smshook.outbox o set overtaken = true where o.flow = i.flow and o.flow <> '' and o.state < 2 and o.place < at and not o.overtaken;
  end if;
  return true;
end $$;

-- Held until the end of the transaction by those who put items of a serial or a flow, end such items, or put several items at once: those could have
-- the same IDs in different orders.
create function smshook.outbox_lock(names bigint[]) returns void language plpgsql set search_path = '' as $$
declare
  name bigint;
begin
  for name in select distinct n from unnest(names) n where n is not null order by n loop
    perform pg_advisory_xact_lock(name);
  end loop;
end $$;

create function smshook.outbox_name(name text) returns bigint language sql immutable set search_path = '' as $$
  select case when name <> '' then hashtextextended(name, 20823) end
$$;

-- Wakes the workers that wait, when the transaction commits. Transactions that notify commit one after the other, each with a write to the disk of
-- its own: so of several at once, one notifies. A worker that was woken looks again, after as much time as has gone by since.
create function smshook.wake() returns void language plpgsql set search_path = '' as $$
begin
  if pg_try_advisory_xact_lock(20824, 0) then
    perform pg_notify('smshook', '');
  end if;
end $$;

create function smshook.put(p jsonb) returns jsonb language plpgsql security definer set search_path = '' as $$
declare
  now   bigint := smshook.micros();
  shift bigint := now - (p->>'now')::bigint;
  i     jsonb;
  o     smshook.outbox;
  wake  boolean := false;
begin
  perform smshook.outbox_lock(case when jsonb_array_length(p->'items') > 1 then array[0::bigint] end || array(select smshook.outbox_name(name) from jsonb_array_elements(p->'items') e, lateral (values (e->>'serial'), (e->>'flow')) x(name)));
  for i in select x from jsonb_array_elements(p->'items') x loop
    o := null;
    o.id := i->>'id'; o.topic := i->>'topic'; o.serial := i->>'serial'; o.flow := i->>'flow'; o.priority := (i->>'priority')::smallint;
    o.due_at := (i->>'due_at')::bigint + shift; o.expires_at := (i->>'expires_at')::bigint + shift; o.put_at := now; o.body := decode(i->>'body', 'base64');
    wake := smshook.outbox_put(o) and least(o.due_at, o.expires_at) <= now or wake;
  end loop;
  if wake then perform smshook.wake(); end if;
  return '{}';
end $$;

-- What is known of a replica's times is told in its own time.
create function smshook.outbox_item(o smshook.outbox, shift bigint) returns jsonb language sql stable set search_path = '' as $$
  select jsonb_build_object('id', o.id, 'topic', o.topic, 'serial', o.serial, 'flow', o.flow, 'priority', o.priority, 'due_at', o.due_at - shift, 'expires_at', o.expires_at - shift,
    'put_at', o.put_at - shift, 'tries', greatest(o.tries - 1, 0), 'claim', o.claim, 'overtaken', o.overtaken, 'state', o.state, 'body', encode(o.body, 'base64'))
$$;

-- Hands out items: see ledger.Queue.Claim. Each priority of each topic is looked up by itself, so that what is not due yet costs nothing. A plan
-- that was made while the table was small must not read all of it later.
create function smshook.claim(p jsonb) returns jsonb language plpgsql security definer
set search_path = '' set enable_seqscan = off set enable_bitmapscan = off as $$
declare
  now    bigint := smshook.micros();
  shift  bigint := now - (p->>'now')::bigint;
  me     int := (p->>'me')::int;
  most   int := (p->>'most')::int;
  topics text[] := array(select jsonb_array_elements_text(p->'topics'));
  held   bigint := smshook.held_before();
  next   bigint;
  urgent smallint := -129;
  ids    text[] := '{}';
  codes  record;
  items  jsonb;
begin
  perform set_config('synchronous_commit', 'off', true);
  perform smshook.asks(me, (p->>'lease')::bigint, now);
  if (p->>'tidy')::boolean then perform smshook.outbox_tidy(me, now); end if;
  loop
    select min(x.priority) into urgent from unnest(topics) t, lateral (
      select o.priority from smshook.outbox o where o.topic = t and o.state = 0 and not o.behind and o.priority > urgent order by o.priority limit 1) x;
    exit when urgent is null or cardinality(ids) >= most;
    ids := ids || array(
      select x.id from unnest(topics) t, lateral (
        select o.id, o.due, o.place from smshook.outbox o where o.topic = t and o.priority = urgent and o.state = 0 and not o.behind and o.due <= now and o.put_at >= held
        order by o.due, o.place limit most - cardinality(ids) for update skip locked) x
      order by x.due, x.place limit most - cardinality(ids));
    next := least(next, (select min(x.due) from unnest(topics) t, lateral (
      select o.due from smshook.outbox o where o.topic = t and o.priority = urgent and o.state = 0 and not o.behind and o.due > now order by o.due limit 1) x));
  end loop;
  if cardinality(ids) > 0 then
    codes := smshook.outbox_judge(ids);
    with claimed as (
      update smshook.outbox o set state = 1, owner = me, tries = o.tries + 1, claim = nextval('smshook.claims'), seen_live = o.seen_live or o.id = any(codes.live),
        overtaken = o.id = any(codes.dead) or o.overtaken and not o.id = any(codes.live)
      where o.id = any(ids) returning o as item)
    select jsonb_agg(smshook.outbox_item(c.item, shift) order by array_position(ids, (c.item).id)) into items from claimed c;
  end if;
  return jsonb_build_object('items', coalesce(items, '[]'), 'next', next - shift);
end $$;

-- Frees what replicas have that are gone, and deletes what was kept long enough.
create function smshook.outbox_tidy(me int, now bigint) returns void language plpgsql set search_path = '' as $$
declare
  who int := -1;
  ids text[];
begin
  loop
    select min(o.owner) into who from smshook.outbox o where o.state = 1 and o.owner > who;
    exit when who is null;
    continue when who = me or smshook.alive(who, now);
    ids := array(select o.id from smshook.outbox o where o.state = 1 and o.owner = who for update skip locked);
    update smshook.outbox o set state = 0, owner = null where o.id = any(ids);
  end loop;
  ids := array(select o.id from smshook.outbox o where o.state > 1 and o.keep_until <= now order by o.keep_until limit 500 for update skip locked);
  delete from smshook.outbox where id = any(ids);
end $$;

-- Asks Auth about the codes of items. A code that Auth has is sent, also if the flow has another message: sign-in and reauthentication have codes
-- of their own. A code that Auth has had, and has no longer, isn't. Where Auth can't be asked, or has never had the code, nothing is known.
create function smshook.outbox_judge(ids text[], out live text[], out dead text[]) language plpgsql set search_path = '' as $$
declare
  o     record;
  known boolean;
begin
  live := '{}'; dead := '{}';
  for o in select x.id, x.seen_live, convert_from(x.body, 'UTF8')::jsonb as event from smshook.outbox x where x.id = any(ids) and x.topic = 'hook' loop
    continue when o.event #>> '{sms,sms_type}' = 'mfa';
    known := smshook.live(encode(sha224(convert_to(smshook.without_plus(smshook.destination(o.event)) || (o.event #>> '{sms,otp}'), 'UTF8')), 'hex'));
    if known then live := live || o.id; end if;
    if not known and o.seen_live then dead := dead || o.id; end if;
  end loop;
exception when others then -- an item is no call of Auth
  live := '{}'; dead := '{}';
end $$;

-- Notes what became of a claimed item: see ledger.Queue.End.
create function smshook.end(p jsonb) returns jsonb language plpgsql security definer set search_path = '' as $$
declare
  now   bigint := smshook.micros();
  shift bigint := now - (p->>'now')::bigint;
  held  boolean;
  line  text;
begin
  perform set_config('synchronous_commit', 'off', true);
  if (p->>'again')::bigint <> 0 then
    update smshook.outbox set state = 0, owner = null, due_at = (p->>'again')::bigint + shift where id = p->>'id' and state = 1 and claim = (p->>'claim')::bigint;
    return jsonb_build_object('held', found);
  end if;
  line := (select o.serial from smshook.outbox o where o.id = p->>'id');
  perform smshook.outbox_lock(array[smshook.outbox_name(line)]);
  if (p->>'keep')::bigint > 0 then
    update smshook.outbox set state = (p->>'state')::smallint, owner = null, keep_until = now + (p->>'keep')::bigint, body = coalesce(decode(p->>'body', 'base64'), '')
    where id = p->>'id' and state = 1 and claim = (p->>'claim')::bigint;
  else
    delete from smshook.outbox where id = p->>'id' and state = 1 and claim = (p->>'claim')::bigint;
  end if;
  held := found;
  if held then perform smshook.outbox_next(line); end if;
  return jsonb_build_object('held', held);
end $$;

-- The next item of a serial is no longer behind another one.
create function smshook.outbox_next(line text) returns void language plpgsql set search_path = '' as $$
begin
  if line <> '' then
    update smshook.outbox set behind = false
    where id = (select o.id from smshook.outbox o where o.serial = line and o.serial <> '' and o.state < 2 order by o.place limit 1) and behind;
  end if;
end $$;

-- Ends an item that no worker has: see ledger.Queue.Cancel.
create function smshook.cancel(p jsonb) returns jsonb language plpgsql security definer set search_path = '' as $$
declare
  now      bigint := smshook.micros();
  line     text := (select o.serial from smshook.outbox o where o.id = p->>'id');
  canceled boolean;
begin
  perform smshook.outbox_lock(array[smshook.outbox_name(line)]);
  if (p->>'keep')::bigint > 0 then
    update smshook.outbox set state = 3, keep_until = now + (p->>'keep')::bigint, body = coalesce(decode(p->>'body', 'base64'), '') where id = p->>'id' and state = 0;
  else
    delete from smshook.outbox where id = p->>'id' and state = 0;
  end if;
  canceled := found;
  if canceled then perform smshook.outbox_next(line); end if;
  return jsonb_build_object('canceled', canceled);
end $$;

-- Returns an item: see ledger.Queue.Item.
create function smshook.item(p jsonb) returns jsonb language plpgsql security definer set search_path = '' as $$
declare
  now bigint := smshook.micros();
  o   smshook.outbox;
begin
  select * into o from smshook.outbox where id = p->>'id' and (state < 2 or keep_until > now);
  return jsonb_build_object('item', case when found then smshook.outbox_item(o, now - (p->>'now')::bigint) end);
end $$;

-- How much there is to do: see ledger.Queue.Depth.
create function smshook.depth(p jsonb) returns jsonb language plpgsql security definer set search_path = '' as $$
declare
  now bigint := smshook.micros();
begin
  return jsonb_build_object('topics', coalesce((select jsonb_object_agg(d.topic, to_jsonb(d)) from (
    select o.topic, count(*) filter (where o.state = 0 and o.due <= now) as waiting, count(*) filter (where o.state = 0 and o.due > now) as later,
      count(*) filter (where o.state = 1) as claimed, coalesce(now - min(o.due) filter (where o.state = 0 and o.due <= now), 0) as oldest
    from smshook.outbox o where o.state < 2 group by o.topic) d), '{}'));
end $$;

-- Functions in SQL without a search path of their own become part of the statement that calls them. Those who call them have an empty one.

-- The hash that stands in the place of a thing of a kind: as hasher.hash computes it.
create function smshook.hash(kind text, variadic parts text[]) returns bigint language plpgsql stable set search_path = '' as $$
declare
  message bytea := convert_to(kind, 'UTF8');
  part    bytea;
  k       smshook.hash_key;
begin
  for i in 1 .. coalesce(array_length(parts, 1), 0) loop
    part := convert_to(coalesce(parts[i], ''), 'UTF8');
    message := message || '\x00'::bytea || int8send(length(part)) || part;
  end loop;
  select * into k from smshook.hash_key;
  return ('x' || encode(substr(sha256(k.outer_pad || sha256(k.inner_pad || message)), 1, 8), 'hex'))::bit(64)::bigint;
end $$;

-- Bytes as an integer in hexadecimal digits, as strconv.FormatUint writes it.
create function smshook.hex(number bytea) returns text language sql immutable strict as $$
  select coalesce(nullif(ltrim(encode(number, 'hex'), '0'), ''), '0')
$$;

create function smshook.without_plus(number text) returns text language sql immutable as $$
  select regexp_replace(number, '^[+]', '')
$$;

-- The number that a call is about, as hook.Payload.Phone tells it.
create function smshook.destination(event jsonb) returns text language sql immutable as $$
  select coalesce(nullif(event #>> '{sms,phone}', ''), event #>> '{user,phone}', '')
$$;

-- As phone.Number.Masked.
create function smshook.masked(number text) returns text language sql immutable as $$
  select '+' || left(number, least(4, length(number) - 7)) || repeat('*', length(number) - 3 - least(4, length(number) - 7)) || right(number, 3)
$$;

-- What one count of LIMIT_IP is: as policy's function source computes it. Null if the address isn't public, or is none.
create function smshook.source(address text) returns text language plpgsql immutable set search_path = '' as $$
declare
  ip inet;
begin
  if address ~ '/|[.]0[0-9]|^0[0-9]' or address !~ '^[0-9a-fA-F:.]+(%.+)?$' then return null; end if; -- Go reads no such address, and Postgres does
  ip := case when strpos(address, ':') > 0 then split_part(address, '%', 1) else address end;
  if ip << '::ffff:0:0/96' then
    ip := host(ip - '::ffff:0:0'::inet + '0.0.0.0'::inet);
  end if;
  if family(ip) = 6 then
    return case when ip << '2000::/3' then smshook.hex(substr(inet_send(ip), 5, 8)) end;
  end if;
  return case when not ip <<= any ('{0.0.0.0/32,10.0.0.0/8,100.64.0.0/10,127.0.0.0/8,169.254.0.0/16,172.16.0.0/12,192.168.0.0/16,224.0.0.0/4,255.255.255.255/32}'::inet[])
    then smshook.hex(substr(inet_send(ip), 5, 4)) end;
exception when others then -- it is no address
  return null;
end $$;

-- When something was, in microseconds since 1970. Null if the text tells no time.
create function smshook.moment(told text) returns bigint language plpgsql stable set search_path = '' as $$
begin
  return case when told <> '' then (extract(epoch from regexp_replace(told, '([.][0-9]{6})[0-9]+', '\1')::timestamptz) * 1000000)::bigint end; -- what is too large for it is caught here
exception when others then
  return null;
end $$;

-- Why hook.Decode can't read a call, in its words; null if it can.
create function smshook.unreadable(event jsonb) returns text language plpgsql immutable set search_path = '' as $$
declare
  field text;
begin
  if jsonb_typeof(event) not in ('object', 'null') then return 'the body is not a Send SMS call'; end if;
  foreach field in array '{metadata,user,sms}'::text[] loop
    if jsonb_typeof(event -> field) not in ('object', 'null') then return field || ' is not of the right type'; end if;
  end loop;
  foreach field in array '{metadata.uuid,metadata.time,metadata.ip_address,user.id,user.phone,user.phone_confirmed_at,user.last_sign_in_at,user.confirmation_sent_at,
    user.phone_change_sent_at,user.reauthentication_sent_at,sms.otp,sms.phone,sms.sms_type}'::text[] loop
    if jsonb_typeof(event #> string_to_array(field, '.')) not in ('string', 'null') then return field || ' is not of the right type'; end if;
  end loop;
  if coalesce(event #>> '{sms,otp}', '') = '' then return 'sms.otp is missing'; end if;
  if smshook.destination(event) = '' then return 'sms.phone is missing, and so is user.phone'; end if;
  return null;
end $$;

-- What may be a language: hook.Locale reads none that is longer.
create function smshook.tag(value jsonb) returns jsonb language sql immutable as $$
  select case when jsonb_typeof(value) = 'string' and length(value::text) <= 40 then value end
$$;

-- What hook.Decode reads of a call, and nothing else: user_metadata may be large.
create function smshook.essence(event jsonb) returns jsonb language sql stable as $$
  select jsonb_strip_nulls(jsonb_build_object(
    'metadata', case when event #>> '{metadata}' is not null then jsonb_build_object('uuid', event #> '{metadata,uuid}', 'time', event #> '{metadata,time}',
      'ip_address', event #> '{metadata,ip_address}') end,
    'sms', jsonb_build_object('otp', event #> '{sms,otp}', 'phone', event #> '{sms,phone}', 'sms_type', event #> '{sms,sms_type}'),
    'user', jsonb_build_object('id', event #> '{user,id}', 'phone', event #> '{user,phone}', 'phone_confirmed_at', event #> '{user,phone_confirmed_at}',
      'last_sign_in_at', event #> '{user,last_sign_in_at}', 'confirmation_sent_at', event #> '{user,confirmation_sent_at}',
      'phone_change_sent_at', event #> '{user,phone_change_sent_at}', 'reauthentication_sent_at', event #> '{user,reauthentication_sent_at}',
      'user_metadata', jsonb_build_object('locale', smshook.tag(event #> '{user,user_metadata,locale}'), 'language', smshook.tag(event #> '{user,user_metadata,language}'),
        'lang', smshook.tag(event #> '{user,user_metadata,lang}')))))
$$;

-- Whether a number begins with one of a list, which may be null.
create function smshook.begins(number text, list jsonb) returns boolean language sql immutable set search_path = '' as $$
  select exists (select from jsonb_array_elements_text(case jsonb_typeof(list) when 'array' then list else '[]' end) x where starts_with(number, x))
$$;

-- What the code is for: as hook.Payload.Kind.
create function smshook.kind(event jsonb) returns text language sql immutable as $$
  select case
    when event #>> '{sms,sms_type}' = 'mfa' then 'mfa'
    when event #>> '{sms,phone}' <> '' and smshook.without_plus(event #>> '{sms,phone}') <> smshook.without_plus(coalesce(event #>> '{user,phone}', '')) then 'phone_change'
    when coalesce(event #>> '{user,phone_confirmed_at}', '') = '' or coalesce(event #>> '{user,last_sign_in_at}', '') = '' then 'otp'
    else '' end
$$;

create function smshook.refusal(http_code int, message text) returns jsonb language sql stable as $$
  select jsonb_build_object('error', jsonb_build_object('http_code', http_code, 'message', message))
$$;

-- What the app's user reads: one of Published.Sentences, or else the default of its setting. Auth takes an empty message for a success.
create function smshook.sentence(settings jsonb, name text) returns text language sql immutable as $$
  select coalesce(nullif(settings #>> array['sentences', name], ''), case name
    when 'just_sent' then 'A code was just sent. Please use it.'
    when 'too_many' then 'Too many attempts. Please try again later.'
    when 'number' then 'This number cannot receive codes.'
    else 'The code could not be sent. Please try again.' end)
$$;

-- Looks at a call, and puts its message into the outbox. Returns '{}', or why no message is sent, as over HTTP.
-- Only the worker can tell what needs tables of numbers: whether a number is possible or valid, its type, its other readings, and its
-- country if several countries share the calling code. It refuses such a message when it begins, and nobody is told. So it does if what all
-- share was used up since then.
create function smshook.accept(event jsonb, settings jsonb) returns jsonb language plpgsql set search_path = '' as $$
declare
  now      bigint := smshook.micros();
  problem  text := smshook.unreadable(event);
  number   text := smshook.without_plus(smshook.destination(event));
  account  text := coalesce(event #>> '{user,id}', '');
  mfa      boolean := coalesce(event #>> '{sms,sms_type}', '') = 'mfa';
  proven   boolean := coalesce(event #>> '{user,phone_confirmed_at}', '') <> '' and number = smshook.without_plus(coalesce(event #>> '{user,phone}', ''));
  sign_in  text := coalesce(event #>> '{user,last_sign_in_at}', '');
  sent     text[] := array[coalesce(event #>> '{user,confirmation_sent_at}', ''), coalesce(event #>> '{user,phone_change_sent_at}', ''),
             coalesce(event #>> '{user,reauthentication_sent_at}', '')];
  asked    bigint := smshook.moment(event #>> '{metadata,time}');
  country  text; -- of the calling code; empty if several countries share it
  m        smshook.message;
  f        smshook.flow;
  other    smshook.message;
  newest   smshook.message;
  charges  jsonb := '[]';
  l        jsonb;
  counted  text;
  over     record;
  o        smshook.outbox;
begin
  if problem is not null then return smshook.refusal(400, problem); end if;
  o.body := convert_to(smshook.essence(event)::text, 'UTF8');
  if length(o.body) > 32768 then return smshook.refusal(413, 'the body is too long'); end if; -- ledger.MaxItemBody
  if number !~ '^[1-9][0-9]{6,14}$' then return smshook.refusal(422, smshook.sentence(settings, 'number')); end if;
  if settings ? 'countries' then
    country := coalesce(settings->'countries'->>left(number, 1), settings->'countries'->>left(number, 2), settings->'countries'->>left(number, 3));
  end if;
  if settings ? 'countries' and country is null
    or settings->'allowed' not in ('null', '[]') and not smshook.begins(number, settings->'allowed') or smshook.begins(number, settings->'blocked') then
    return smshook.refusal(422, smshook.sentence(settings, 'number'));
  end if;
  -- A code that nobody sends would make the code before it void.
  if not exists (select from smshook.replica r where r.worked_at > now - 30000000) then
    raise log 'smshook: no worker sends messages';
    return smshook.refusal(422, smshook.sentence(settings, 'failed'));
  end if;

  m.id := case when event #>> '{metadata,uuid}' ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' then event #>> '{metadata,uuid}'
    else substr(encode(sha256(convert_to(event::text, 'UTF8')), 'hex'), 1, 32)::uuid::text end;
  m.flow := smshook.hash('flow', account, number, mfa::text);
  m.sign_in := smshook.hash('sign-in', sign_in);
  m.known := smshook.hash('known', sign_in, case when array_to_string(sent, '') <> '' then array_to_string(sent, ' ') else '' end);
  if not mfa then
    begin
      select * into f from smshook.flow where key = m.flow for update;
      if not found then
        insert into smshook.flow as x (key) values (m.flow) on conflict (key) do update set key = excluded.key returning * into f;
      end if;
    exception when lock_not_available then -- another call of the flow stores its code
      return smshook.refusal(429, smshook.sentence(settings, 'just_sent'));
    end;
  end if;
  if exists (select from smshook.message where id = m.id) then return '{}'; end if; -- a repeat

  if not mfa then
    -- Two requests at once make two codes, of which the one that is stored last works. Who has waited here for the other doesn't know of its code.
    -- The time is bounded, since a change of the password empties what Auth knows of codes.
    select * into other from smshook.message where id = f.stored;
    if other.received_at > now - 10000000 and (other.known = m.known
      or other.asked_at - 1000000 > (select coalesce(max(smshook.moment(x)), 0) from unnest(sent) x)) then
      return smshook.refusal(429, smshook.sentence(settings, 'just_sent'));
    end if;
    select * into newest from smshook.message where id = f.newest;
    if other.result in ('accepted', 'failed') then newest := other; end if;
  end if;

  -- The counts that all share are read here, and charged when a worker begins: they would be locked until Auth commits.
  for l in select x from jsonb_array_elements(settings->'limits') x loop
    continue when not (l->>'on')::boolean or proven and l->>'rule' in ('limit_ip', 'limit_prefix', 'limit_country', 'limit_total');
    counted := case l->>'rule'
      when 'limit_phone' then to_hex(number::bigint | case when proven then 1::bigint << 63 else 0 end)
      when 'limit_user' then case when account <> '' then smshook.hex(substr(sha256(convert_to(account, 'UTF8')), 1, 8)) end
      when 'limit_ip' then smshook.source(event #>> '{metadata,ip_address}')
      when 'limit_prefix' then to_hex(number::bigint / 10000)
      when 'limit_country' then case when country ~ '^[A-Z]{2}$' then encode(convert_to(country, 'UTF8'), 'hex') when country <> '' then to_hex(country::int) end
      when 'limit_total' then '0'
      when 'limit_all' then '0'
    end;
    continue when counted is null;
    charges := charges || (jsonb_build_object('key', smshook.hash('limit', l->>'rule', counted), 'most', l->'most', 'interval', l->'interval')
      || case when l->>'rule' in ('limit_phone', 'limit_user', 'limit_ip') then '{}' else '{"read": true}'::jsonb end);
  end loop;
  over := smshook.charge(charges, now);
  if over.over >= 0 and not coalesce((settings->>'observe')::boolean, false) then
    return smshook.refusal(429, smshook.sentence(settings, case when newest.sign_in = m.sign_in and now - newest.received_at < newest.life then 'just_sent' else 'too_many' end));
  end if;

  m.life := (settings->>case when mfa then 'mfa_life' else 'life' end)::bigint;
  insert into smshook.message (id, version, flow, mfa, user_key, user_id, number_key, sign_in, known, number, country, range, received_at, asked_at, life, owner, proven, kind,
    segments, state, committed)
  values (m.id, 1, m.flow, mfa, smshook.hash('user', account), case when account ~ '^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$' then account::uuid end,
    smshook.hash('number', number), m.sign_in, m.known, smshook.masked(number), case when country ~ '^[A-Z]' then country else '' end, '', now, coalesce(asked, 0), m.life, 0,
    proven, smshook.kind(event), 0, 'queued', true)
  on conflict (id) do nothing;
  if not found then return '{}'; end if;
  if not mfa then
    update smshook.flow set stored = m.id where key = m.flow;
  end if;
  o.id := m.id; o.topic := 'hook'; o.serial := ''; o.flow := case when mfa then '' else to_hex(m.flow) end; o.priority := 1; o.due_at := now; o.put_at := now;
  -- The code's life counts from when Auth has asked, which was at most a moment ago: the clocks of both may differ by 10 s.
  o.expires_at := least(now, greatest(asked, now - 10000000)) + m.life;
  perform smshook.outbox_put(o);
  perform smshook.wake();
  return '{}';
end $$;

-- The Send SMS hook: Auth calls it in the transaction that stores the code. What it writes is there if, and only if, the code is. The exception
-- is a second factor's code: Auth calls outside of a transaction then, and before it stores the challenge.
-- It never raises: Auth would show the error to the app's user. No lock is waited for longer than this.
create function smshook.send_sms(event jsonb) returns jsonb language plpgsql volatile security definer
set search_path = '' set lock_timeout = '400ms' as $$
declare
  settings jsonb;
begin
  if pg_column_size(event) > 2162688 then return smshook.refusal(413, 'the body is too long'); end if; -- hook.MaxBody
  settings := (smshook.settings_in_force()).document;
  return smshook.accept(event, settings);
exception when others then
  raise log 'smshook: a call of send_sms has failed: %', sqlstate;
  return jsonb_build_object('error', jsonb_build_object('http_code', 422,
    'message', coalesce(nullif(settings #>> '{sentences,failed}', ''), 'The code could not be sent. Please try again.')));
end $$;

-- Calls the hook as Auth would, for `smshook check`. Nothing of the call stays.
create function smshook.check_hook(p jsonb) returns jsonb language plpgsql security definer set search_path = '' as $$
declare
  role   oid := (select r.oid from pg_catalog.pg_roles r where r.rolname = 'supabase_auth_admin');
  answer jsonb;
begin
  begin
    answer := smshook.send_sms(p->'event');
    raise exception using errcode = 'SH001';
  exception when sqlstate 'SH001' then -- all that send_sms has done is undone
  end;
  return jsonb_build_object('role', role is not null, 'worker', exists (select from smshook.replica r where r.worked_at > smshook.micros() - 30000000),
    'granted', role is not null and has_schema_privilege(role, 'smshook', 'usage') and has_function_privilege(role, 'smshook.send_sms(jsonb)', 'execute'),
    'live', smshook.live('') is not null, 'message', answer #>> '{error,message}');
end $$;

insert into smshook.version values (3);
reset role;

-- Whether Auth has a code, by what stands for it in auth.one_time_tokens. Like smshook.settle it reads what belongs to Auth, and so it
-- belongs to the administrator. Null if Auth can't be asked.
do $$ begin execute format('grant create on schema smshook to %I', current_user); end $$;
create function smshook.live(token text) returns boolean language plpgsql stable security definer set search_path = '' as $$
begin
  return exists (select from auth.one_time_tokens t where t.token_hash = token);
exception when others then
  return null;
end $$;
revoke execute on function smshook.live(text) from public;
grant execute on function smshook.live(text) to smshook_owner;
do $$ begin execute format('revoke create on schema smshook from %I', current_user); end $$;
