-- Version 4 of the schema: conversion, that is whether codes were used, read from the tables of Supabase Auth. Run by a role that may read
-- these, as Supabase's postgres may.

set local role smshook_owner;

create index message_undecided on smshook.message (use, received_at) where use in ('', 'unused') and user_id is not null;

reset role;

do $$ begin
  execute format('grant select, update on smshook.message to %I', current_user);
  execute format('grant execute on function smshook.hash(text, text[]), smshook.micros(), smshook.shown(smshook.message) to %I', current_user);
  execute format('grant usage, create on schema smshook to %I', current_user);
end $$;

-- Judges the messages whose codes were used, or have expired. It is the one function with rights in the schema auth: it belongs to the role that
-- has made it, and returns what smshook knows already, and what became of it.
--
-- Auth notes when a code is sent just before it calls the hook, by the same clock that asked_at is of: so the time names the code and its kind.
-- Who uses a code of the first two kinds moves phone_confirmed_at, and Auth empties the code's hash; an administrator who confirms a number does
-- not empty it. A change of the password forgets when the code for it was sent. The challenge of a second factor is stored after the call.
-- Each second, the messages are looked at that are undecided; with late, also those of the last hour that were taken to be unused: Auth's codes may
-- live longer than the settings of smshook say.
create function smshook.settle(p jsonb) returns jsonb language plpgsql security definer set search_path = '' as $$
declare
  now     bigint := smshook.micros();
  missing text;
  judged  jsonb;
begin
  select string_agg(format('auth.%s.%s', n.tab, n.col), ', ' order by n.tab, n.col) into missing
  from (values ('users', 'id'), ('users', 'phone'), ('users', 'phone_confirmed_at'), ('users', 'confirmation_sent_at'), ('users', 'confirmation_token'),
    ('users', 'phone_change_sent_at'), ('users', 'phone_change_token'), ('users', 'reauthentication_sent_at'), ('mfa_factors', 'id'), ('mfa_factors', 'user_id'),
    ('mfa_factors', 'phone'), ('mfa_challenges', 'factor_id'), ('mfa_challenges', 'created_at'), ('mfa_challenges', 'verified_at')) n(tab, col)
  where not exists (select from pg_catalog.pg_attribute a where a.attrelid = to_regclass('auth.' || n.tab) and a.attname = n.col and not a.attisdropped);
  if missing is not null then
    return jsonb_build_object('off', 'missing: ' || missing);
  end if;
  perform set_config('synchronous_commit', 'off', true);
  if not pg_try_advisory_xact_lock(20822, 2) then -- one replica at a time
    return '{}';
  end if;
  with undecided as (
    select m.* from smshook.message m where m.use = '' and m.user_id is not null and m.result = 'accepted' and m.asked_at > 0 and m.kind <> 'message'
    union all
    select m.* from smshook.message m where (p->>'late')::boolean and m.use = 'unused' and m.user_id is not null and m.received_at > now - 3600000000
  ), looked as (
    select m.id, m.use, m.received_at + m.life <= now as expired, to_timestamp(0) + m.asked_at * interval '1 microsecond' as asked, m.user_id, m.number_key, m.kind
    from undecided m
  ), judged as (
    select l.*, u.id is not null as known, k.kind as stored, k.used_at,
      greatest(u.confirmation_sent_at, u.phone_change_sent_at, u.reauthentication_sent_at) > l.asked + interval '1 millisecond' as newer
    from looked l
    left join auth.users u on u.id = l.user_id
    left join lateral (
      select * from (
        select 'otp' as kind, u.confirmation_sent_at as sent_at,
          case when coalesce(u.confirmation_token, '') = '' and u.phone_confirmed_at >= u.confirmation_sent_at then u.phone_confirmed_at end as used_at
        where l.kind in ('', 'otp')
        union all
        select 'phone_change', u.phone_change_sent_at, case when coalesce(u.phone_change_token, '') = '' and u.phone_confirmed_at >= u.phone_change_sent_at
          and smshook.hash('number', u.phone) = l.number_key then u.phone_confirmed_at end
        where l.kind = 'phone_change'
        union all
        select 'reauthentication', u.reauthentication_sent_at, null where l.kind in ('', 'reauthentication')
        union all
        select 'reauthentication', l.asked, to_timestamp(now / 1e6)
        where l.kind = 'reauthentication' and u.id is not null and u.reauthentication_sent_at is null
        union all
        (select 'mfa', l.asked, c.verified_at from auth.mfa_factors f join auth.mfa_challenges c on c.factor_id = f.id
          where l.kind = 'mfa' and f.user_id = l.user_id and c.created_at between l.asked and l.asked + interval '10 seconds'
            and smshook.hash('number', ltrim(f.phone, '+')) = l.number_key
          order by c.created_at limit 1)
      ) each
      where each.sent_at between l.asked - interval '1 second' and l.asked + interval '1 millisecond'
      order by each.used_at nulls last, each.sent_at desc limit 1
    ) k on true
  ), decided as (
    select j.id, coalesce(j.stored, j.kind) as kind, j.used_at,
      case when j.used_at is not null then 'used' when not j.expired then '' when j.use = 'unused' then 'unused' when not j.known then 'unknown'
        when j.stored is not null or j.kind = 'mfa' then 'unused' when j.newer then 'replaced' else 'unknown' end as use
    from judged j
  ), changed as (
    update smshook.message m set version = m.version + 1, kind = d.kind, use = d.use, used_at = coalesce(extract(epoch from d.used_at) * 1000000, 0)
    from decided d where m.id = d.id and (m.use <> d.use or m.kind <> d.kind)
    returning m.*
  )
  select jsonb_agg(smshook.shown(c)) into judged from changed c where c.use <> '';
  return jsonb_build_object('judged', coalesce(judged, '[]'), 'more', exists (select from smshook.message m where m.use = '' and m.user_id is not null
    and m.result = 'accepted' and m.asked_at > 0 and m.kind <> 'message'));
exception
  when others then -- whatever Auth's tables have become, messages are sent
    return jsonb_build_object('off', sqlerrm);
end $$;
revoke execute on function smshook.settle(jsonb) from public;
grant execute on function smshook.settle(jsonb) to smshook;

set local role smshook_owner;
do $$ begin
  execute format('revoke create on schema smshook from %I', session_user);
end $$;
insert into smshook.version values (4);
reset role;
