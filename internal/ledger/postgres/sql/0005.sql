-- What the replicas have learnt, version 5 of the schema: see internal/insight. The bodies have hashes with
-- the key in smshook.hash_key, and the first digits of numbers.
set local role smshook_owner;

create table smshook.learnt (
  name  text primary key,
  body  bytea not null,
  at    bigint not null
);

-- Keeps what was learnt, in place of what was kept before.
create function smshook.keep_learnt(p jsonb) returns jsonb language plpgsql security definer set search_path = '' as $$
begin
  insert into smshook.learnt as x (name, body, at) values (p->>'name', decode(p->>'body', 'base64'), smshook.micros())
  on conflict (name) do update set body = excluded.body, at = excluded.at;
  return '{}';
end $$;

create function smshook.learnt(p jsonb) returns jsonb language plpgsql security definer set search_path = '' as $$
begin
  return jsonb_build_object('body', (select translate(encode(l.body, 'base64'), E'\n', '') from smshook.learnt l where l.name = p->>'name'));
end $$;

-- The prefixes (numbers without their last four digits) that the guards of the replicas refuse, for smshook.send_sms. There are 10,000 at
-- most, and a few more while replicas take turns. A replica tells each again before it is stale.
create table smshook.flagged (
  prefix   bigint primary key,           -- a hash of it
  seen_at  bigint not null,              -- when a replica has told it last
  trial_at bigint not null               -- from then on, one message passes
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
create index flagged_seen_at on smshook.flagged (seen_at);

-- How long a prefix counts that no replica tells any more, and how long the next trial is away at least: in microseconds.
create function smshook.flagged_lasts() returns bigint language sql immutable as $$ select 60000000::bigint $$;
create function smshook.trial_lasts() returns bigint language sql immutable as $$ select 3600000000::bigint $$;

-- Notes what a replica's guard refuses: see Store.Flag. A trial is due when it is due at all replicas: whichever gets the message lets it pass too.
create function smshook.flag(p jsonb) returns jsonb language plpgsql security definer set search_path = '' as $$
declare
  now   bigint := smshook.micros();
  shift bigint := now - (p->>'now')::bigint;
begin
  perform set_config('synchronous_commit', 'off', true);
  -- In one order, since replicas do this at the same time.
  insert into smshook.flagged as x (prefix, seen_at, trial_at)
  select (f->>0)::bigint, now, (f->>1)::bigint + shift from jsonb_array_elements(p->'prefixes') f order by 1 limit 10000
  on conflict (prefix) do update set seen_at = excluded.seen_at, trial_at = greatest(x.trial_at, excluded.trial_at)
  where x.seen_at < excluded.seen_at - smshook.flagged_lasts() / 6 or x.trial_at < excluded.trial_at;
  delete from smshook.flagged where prefix = any(array(
    select x.prefix from smshook.flagged x where x.seen_at < now - smshook.flagged_lasts() order by x.prefix limit 10000 for update skip locked));
  return '{}';
end $$;

-- Whether the guards refuse an unproven number. A message that passes as a trial uses it up, if Auth commits. Of two at once one passes.
create function smshook.guarded(number text, now bigint) returns boolean language plpgsql set search_path = '' as $$
declare
  f smshook.flagged;
begin
  select * into f from smshook.flagged x
  where x.prefix = smshook.hash('flagged', (number::bigint / 10000)::text) and x.seen_at >= now - smshook.flagged_lasts();
  if not found then return false; end if;
  if f.trial_at > now then return true; end if;
  select * into f from smshook.flagged x where x.prefix = f.prefix for update skip locked;
  if not found or f.trial_at > now then return true; end if;
  update smshook.flagged x set trial_at = now + smshook.trial_lasts() where x.prefix = f.prefix;
  return false;
end $$;

revoke execute on function smshook.keep_learnt(jsonb), smshook.learnt(jsonb), smshook.flag(jsonb), smshook.guarded(text, bigint),
  smshook.flagged_lasts(), smshook.trial_lasts() from public;
insert into smshook.version values (5);
reset role;
