-- Version 6 of the schema: counts of messages are kept, so that no question about many messages reads them one by one.
set local role smshook_owner;

-- psql takes the word begin in the name of a function for the start of its body, and so can't restore a plain dump. Replicas of version 5 call the
-- function by its old name.
alter function smshook."begin"(jsonb) rename to begin_message;
do $do$ begin
  if exists (select from smshook.replica) then
    create function smshook."begin"(p jsonb) returns jsonb language sql security definer set search_path = '' as $$ select smshook.begin_message(p) $$;
    grant execute on function smshook."begin"(jsonb) to smshook;
  end if;
end $do$;

-- How many messages there are of each group, as ledger.Group has them, for each step of each of ledger.Spans. Messages that were received before
-- rolled_up.until are in it.
create table smshook.rollup (
  span     bigint not null,                -- in microseconds
  measure  smallint not null,              -- ledger.Measure
  at       bigint not null,                -- when the step begins
  country  text collate "C" not null,
  instance text collate "C" not null,
  channel  text collate "C" not null,
  kind     text collate "C" not null,
  rule     text collate "C" not null,
  state    text collate "C" not null,
  use      text collate "C" not null,
  bucket   smallint not null,              -- ledger.Bucket
  messages bigint not null,
  segments bigint not null,
  primary key (span, measure, at, country, instance, channel, kind, rule, state, use, bucket)
) with (fillfactor = 80);
create table smshook.rolled_up (
  until    bigint not null,
  seen_at  bigint not null,                -- then all transactions that had written before had IDs below seen_xid
  seen_xid xid8 not null,
  safe_at  bigint not null                 -- all transactions that had written before have ended
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
insert into smshook.rolled_up values (0, smshook.micros(), pg_current_xact_id(), 0);

-- What counts tell of a message: ledger.Facts.
create type smshook.message_facts as (
  at              bigint,                  -- when it was received
  country         text,
  instance        text,
  channel         text,
  kind            text,
  rule            text,
  state           text,
  use             text,
  segments        int,
  delivery_bucket smallint,                -- null: not known
  use_bucket      smallint                 -- null: not known
);

-- What has changed in messages that are rolled up: the old facts with n = -1, the new facts with n = 1. They are added to the rollup with the next
-- messages. Who changes messages only inserts here, and so waits for nobody.
create table smshook.rollup_change (
  place bigint generated always as identity primary key,
  n     int not null,
  facts smshook.message_facts not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- ledger.Bucket of a duration in microseconds.
create function smshook.bucket(took bigint) returns smallint language sql immutable as $$
  select width_bucket(took, '{100000,125000,160000,200000,250000,315000,400000,500000,630000,800000,1000000,1250000,1600000,2000000,2500000,3150000,4000000,
    5000000,6300000,8000000,10000000,12500000,16000000,20000000,25000000,31500000,40000000,50000000,63000000,80000000,100000000,125000000,160000000,200000000,
    250000000,315000000,400000000,500000000,630000000,800000000,1000000000,1250000000,1600000000,2000000000,2500000000,3150000000,4000000000,5000000000,
    6300000000,8000000000,10000000000,12500000000,16000000000,20000000000,25000000000,31500000000,40000000000,50000000000,63000000000,80000000000}'::bigint[])::smallint
$$;

-- The facts of a message at a time. This function and the next two have no search path of their own, so that Postgres can inline them.
create function smshook.facts(m smshook.message, now bigint) returns setof smshook.message_facts language sql stable as $$
  select m.received_at, m.country, case when m.state = 'failed' then coalesce(m.attempts->-1->>'instance', '') else m.instance end,
    coalesce(case when m.instance = '' then '' when m.attempts->0->>'instance' = m.instance then m.attempts->0->>'channel'
      else (select a->>'channel' from jsonb_array_elements(m.attempts) a where a->>'instance' = m.instance limit 1) end, ''),
    m.kind, m.rule, case when m.state = 'queued' and m.received_at + m.life <= now then 'expired' else m.state end, m.use, m.segments::int,
    case when m.delivered_at > 0 then smshook.bucket(m.delivered_at - m.received_at) end,
    case when m.use = 'used' and m.used_at > 0 then smshook.bucket(m.used_at - m.asked_at) end
$$;

-- Messages that are queued or being sent are not rolled up, since time can change that state.
create function smshook.under_way(m smshook.message) returns boolean language sql immutable as $$ select m.state in ('queued', 'sending') $$;

-- What facts add to each measure.
create function smshook.measures(use text, segments bigint, delivery_bucket smallint, use_bucket smallint)
returns table (measure smallint, use_of text, bucket smallint, segments_of bigint) language sql immutable as $$
  select x.* from (values (0::smallint, use, 0::smallint, segments), (1::smallint, '', delivery_bucket, 0), (2::smallint, '', use_bucket, 0)) x(measure, use_of, bucket, segments_of)
  where x.bucket is not null
$$;

-- Notes a change of a message that is rolled up. roll_up takes the same lock for itself: it adds either the message after the change, or the
-- message before it, and then the change is noted. A transaction of a stricter isolation level than the default may see an old rolled_up.until.
-- Then it fails with 40001, and has to be tried again, as such transactions have to be in any case.
create function smshook.note_change() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  until bigint;
begin
  if TG_OP = 'UPDATE' and (select f from smshook.facts(old, 0) f) is not distinct from (select f from smshook.facts(new, 0) f) then
    return null;
  end if;
  perform pg_advisory_xact_lock_shared(20822, 3);
  if current_setting('transaction_isolation') in ('repeatable read', 'serializable') then
    perform from smshook.rolled_up for share;
  end if;
  until := (select r.until from smshook.rolled_up r);
  if TG_OP <> 'INSERT' and old.received_at < until and not smshook.under_way(old) then
    insert into smshook.rollup_change (n, facts) select -1, f from smshook.facts(old, 0) f;
  end if;
  if TG_OP <> 'DELETE' and new.received_at < until and not smshook.under_way(new) then
    insert into smshook.rollup_change (n, facts) select 1, f from smshook.facts(new, 0) f;
  end if;
  return null;
end $$;

-- Only messages older than 10 minutes are rolled up. Changes are noted from 5 minutes on: the condition is in the trigger, so that sending a new
-- message does not call the function. It is short, since Postgres reads it anew for each statement.
create trigger inserted after insert on smshook.message for each row when (new.received_at < smshook.micros() - 300000000) execute function smshook.note_change();
create trigger updated after update on smshook.message for each row when (old.received_at < smshook.micros() - 300000000) execute function smshook.note_change();
create trigger deleted after delete on smshook.message for each row when (old.received_at < smshook.micros() - 300000000) execute function smshook.note_change();

create function smshook.forget_counts() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  truncate smshook.rollup, smshook.rollup_change;
  update smshook.rolled_up set until = 0;
  return null;
end $$;
create trigger emptied after truncate on smshook.message execute function smshook.forget_counts();

-- Adds messages to the rollup that are older than p.after, a batch of them, and what has changed, and removes what is of no more use. Returns
-- whether there is more. The planner takes the groups for more than they are, and would sort.
create function smshook.roll_up(p jsonb) returns jsonb language plpgsql security definer
set enable_sort = off set enable_seqscan = off set work_mem = '16MB' set jit = off set search_path = '' as $$
declare
  now     bigint := smshook.micros();
  batch   int := (p->>'batch')::int;
  lengths bigint[] := array(select (s->>'length')::bigint from jsonb_array_elements(p->'spans') s); -- of the spans, the shortest first
  oldest  bigint[] := array(select case when (s->>'kept_for')::bigint > 0 then now - (s->>'kept_for')::bigint else 0 end from jsonb_array_elements(p->'spans') s);
  rolled  smshook.rolled_up;
  since   bigint := (select u.until from smshook.rolled_up u);
  upto    bigint := now - (p->>'after')::bigint;
  changes bigint := (select max(c.place) - min(c.place) + 1 from smshook.rollup_change c);
  next    bigint;
  places  bigint[];
  finest  bigint; -- the shortest span that has counts of what is added
  kept    record; -- a span, and a measure
begin
  if (p->>'after')::bigint < 600000000 then
    raise exception 'changes of messages that are younger than 5 minutes are not noted';
  end if;
  upto := upto - upto % lengths[1];
  if upto <= since and since <= now - 300000000 and coalesce(changes, 0) < 1000 then
    return '{"more": false}'; -- so few changes wait for the next messages
  end if;
  if not pg_try_advisory_xact_lock(20822, 1) or not pg_try_advisory_xact_lock(20822, 3) then
    return '{"more": false}'; -- one replica at a time; and those who note changes are soon done
  end if;
  perform set_config('synchronous_commit', 'off', true);
  select * into rolled from smshook.rolled_up;
  since := rolled.until;
  if since > now - 300000000 then -- the clock was ahead, and changes were not noted since: all is counted anew
    delete from smshook.rollup;
    delete from smshook.rollup_change;
    update smshook.rolled_up set until = 0, seen_at = now, seen_xid = pg_current_xact_id(), safe_at = 0;
    return '{"more": true}';
  end if;
  -- A change that wasn't noted was made when the message was younger than 5 minutes: its transaction must have ended.
  if rolled.seen_xid <= pg_snapshot_xmin(pg_current_snapshot()) then
    rolled.safe_at := rolled.seen_at;
  end if;
  if rolled.safe_at = rolled.seen_at or rolled.seen_xid > pg_current_xact_id() then -- the latter is the ID of another cluster, from a dump
    rolled.seen_at := now; rolled.seen_xid := pg_current_xact_id();
  end if;
  upto := least(upto, rolled.safe_at - 300000000);
  upto := greatest(upto - upto % lengths[1], since);
  next := (select m.received_at from smshook.message m where m.received_at >= since and m.received_at < upto order by m.received_at offset batch limit 1);
  if next is not null then upto := greatest(next, since + 1); end if;
  places := array(select c.place from smshook.rollup_change c order by c.place limit batch);
  finest := (select min(s.length) from unnest(lengths, oldest) s(length, oldest)
    where s.oldest <= greatest(upto, (select max((c.facts).at) from smshook.rollup_change c where c.place = any(places))));

  with counted as materialized (
    select x.measure, f.at - f.at % finest as at, f.country, f.instance, f.channel, f.kind, f.rule, f.state, x.use_of, x.bucket, sum(f.n) as n, sum(f.n * x.segments_of) as segments
    from (
      select 1 as n, f.* from smshook.message m, smshook.facts(m, 0) f where m.received_at >= since and m.received_at < upto and not smshook.under_way(m)
      union all
      select c.n, (c.facts).* from smshook.rollup_change c where c.place = any(places)) f, lateral smshook.measures(f.use, f.segments, f.delivery_bucket, f.use_bucket) x
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
  )
  insert into smshook.rollup as r (span, measure, at, country, instance, channel, kind, rule, state, use, bucket, messages, segments)
  select s.length, c.measure, c.at - c.at % s.length, c.country, c.instance, c.channel, c.kind, c.rule, c.state, c.use_of, c.bucket, sum(c.n), sum(c.segments)
  from counted c, unnest(lengths, oldest) s(length, oldest)
  where c.at - c.at % s.length >= s.oldest
  group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
  on conflict (span, measure, at, country, instance, channel, kind, rule, state, use, bucket) do update
  set messages = r.messages + excluded.messages, segments = r.segments + excluded.segments;

  -- Each step and measure is looked for by the primary key: "offset 0" keeps the planner from reading all rows.
  delete from smshook.rollup r where r.ctid = any(array(
    select empty.ctid from (
      select distinct length, measure, (c.facts).at - (c.facts).at % length as at
      from smshook.rollup_change c, unnest(lengths) length, generate_series(0, 2) measure where c.place = any(places)) step, lateral (
      select r.ctid from smshook.rollup r where r.span = step.length and r.measure = step.measure and r.at = step.at and r.messages = 0 offset 0) empty));
  for kept in select * from unnest(lengths, oldest) s(length, oldest), generate_series(0, 2) measure loop
    delete from smshook.rollup r where r.span = kept.length and r.measure = kept.measure and r.at < kept.oldest;
  end loop;
  delete from smshook.rollup_change c where c.place = any(places);
  update smshook.rolled_up set until = upto, seen_at = rolled.seen_at, seen_xid = rolled.seen_xid, safe_at = rolled.safe_at;
  return jsonb_build_object('more', next is not null or cardinality(places) = batch);
end $$;

-- How many messages there are of each group of a ledger.CountQuery, whose time p.periods divide: those in steps that are rolled up; the others, one by
-- one; what has changed; and those that are queued or being sent. The values are in the statement, so that it is planned for them.
-- smshook.count stays for replicas of version 5.
create function smshook.count_groups(p jsonb) returns jsonb language plpgsql stable security definer
set enable_sort = off set work_mem = '32MB' set jit = off set search_path = '' as $$
declare
  now        bigint := smshook.micros();
  since      bigint := (p->>'since')::bigint;
  step       bigint := (p->>'step')::bigint;
  rolled_up  bigint := (select r.until from smshook.rolled_up r);
  times      boolean := (p->>'times')::boolean;
  at         text := since::text;       -- when the step of a message begins
  names      text := '';                -- of what is asked for
  filter     text := '';
  one_by_one text := 'select 0 as n, f.* from smshook.message m, smshook.facts(m, 0) f where false';
  steps      text := '';                -- that are rolled up
  changed    text := 'false';
  period     record;
  since_one  bigint;
  name       text;
  counted    jsonb;
begin
  if step > 0 then at := format('(c.at - %1$s) / %2$s * %2$s + %1$s', since, step); end if;
  for name in select x from jsonb_array_elements_text(p->'by') x loop
    names := names || format(', c.%I', name);
  end loop;
  if p ? 'country'  then filter := filter || format(' and c.country = %L', p->>'country'); end if;
  if p ? 'instance' then filter := filter || format(' and c.instance = %L and c.state <> ''failed''', p->>'instance'); end if;
  if p ? 'kind'     then filter := filter || format(' and c.kind = %L', p->>'kind'); end if;
  if p ? 'rule'     then filter := filter || format(' and c.rule = %L', p->>'rule'); end if;
  if p ? 'state'    then filter := filter || format(' and c.state = %L', p->>'state'); end if;
  for period in select x.* from jsonb_to_recordset(p->'periods') x(span bigint, since bigint, until bigint) loop
    since_one := period.since;
    if period.span > 0 then
      steps := steps || format(' union all select %s as at%s, c.state, c.use, c.measure, c.bucket, c.messages, c.segments
        from smshook.rollup c where c.span = %s and c.measure = any(%L) and c.at >= %s and c.at < %s%s', at, names, period.span,
        case when times then '{0,1,2}' else '{0}' end, period.since, period.until, filter);
      changed := changed || format(' or (c.facts).at >= %s and (c.facts).at < %s', period.since, period.until);
      since_one := greatest(since_one, rolled_up);
    end if;
    if since_one < period.until then
      one_by_one := one_by_one || format(' union all select 1, f.* from smshook.message m, smshook.facts(m, 0) f where m.received_at >= %s and m.received_at < %s
        and not smshook.under_way(m)', since_one, period.until);
    end if;
  end loop;
  one_by_one := one_by_one || format(' union all select c.n, (c.facts).* from smshook.rollup_change c where %s', changed);
  one_by_one := one_by_one || format(' union all select 1, f.* from smshook.message m, smshook.facts(m, %s) f
    where smshook.under_way(m) and m.received_at >= %s and m.received_at < %s', now, since, (p->>'until')::bigint);
  one_by_one := format('select %1$s as at%2$s, c.state, c.use, %3$s, sum(c.n) as n, sum(c.n * c.segments) as segments from (%4$s) c where true%5$s group by 1%2$s, c.state, c.use%6$s',
    at, names, case when times then 'c.delivery_bucket, c.use_bucket' else 'null::smallint as delivery_bucket, null::smallint as use_bucket' end, one_by_one, filter,
    case when times then ', c.delivery_bucket, c.use_bucket' else '' end);
  execute format('select jsonb_agg(to_jsonb(g)) from (select c.at%1$s, c.state, c.use, c.measure, c.bucket, sum(c.messages) as messages, sum(c.segments) as segments from (
      select c.at%1$s, c.state, x.use_of as use, x.measure, x.bucket, c.n as messages, x.segments_of as segments
      from (%2$s) c, lateral smshook.measures(c.use, c.segments, c.delivery_bucket, c.use_bucket) x%3$s) c
    group by c.at%1$s, c.state, c.use, c.measure, c.bucket having sum(c.messages) <> 0) g', names, one_by_one, steps) into counted;
  return coalesce(counted, '[]');
end $$;

insert into smshook.version values (6);
reset role;
