-- Version 6 of the schema: counts of messages are kept, so that no question about many messages reads them one by one.
set local role smshook_owner;

-- How many messages there are of each group, as ledger.Group has them, for each step of each of ledger.Spans. The messages that were received before
-- rolled_up.until are in it. What changes in these later stands in rollup_late until it is added: what a message was is subtracted, and what it is
-- is added. Rows of rollup_late are only ever inserted by those who change messages, so that none of them waits for another.
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
create table smshook.rolled_up (until bigint not null) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
insert into smshook.rolled_up values (0);
create table smshook.rollup_late (
  place       bigint generated always as identity primary key,
  n           int not null,                -- 1, or -1: it is subtracted
  at          bigint not null,             -- when the message was received; this and the following are as smshook.facts returns them
  country     text not null,
  instance    text not null,
  channel     text not null,
  kind        text not null,
  rule        text not null,
  state       text not null,
  use         text not null,
  segments    int not null,
  to_delivery smallint,
  to_use      smallint
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- ledger.Bucket of a duration in microseconds.
create function smshook.bucket(took bigint) returns smallint language sql immutable as $$
  select width_bucket(took, '{100000,125000,160000,200000,250000,315000,400000,500000,630000,800000,1000000,1250000,1600000,2000000,2500000,3150000,4000000,
    5000000,6300000,8000000,10000000,12500000,16000000,20000000,25000000,31500000,40000000,50000000,63000000,80000000,100000000,125000000,160000000,200000000,
    250000000,315000000,400000000,500000000,630000000,800000000,1000000000,1250000000,1600000000,2000000000,2500000000,3150000000,4000000000,5000000000,
    6300000000,8000000000,10000000000,12500000000,16000000000,20000000000,25000000000,31500000000,40000000000,50000000000,63000000000,80000000000}'::bigint[])::smallint
$$;

-- What counts tell of a message, as ledger.Message.Facts: nothing as long as time can change its state. What isn't known of the last two is null. It has
-- no search path of its own, so that Postgres can inline it.
create function smshook.facts(m smshook.message) returns table (at bigint, country text, instance text, channel text, kind text, rule text, state text, use text,
  segments int, to_delivery smallint, to_use smallint) language sql stable as $$
  select m.received_at, m.country, case when m.instance = '' then coalesce(m.attempts->-1->>'instance', '') else m.instance end,
    case when m.instance = '' then '' when m.attempts->0->>'instance' = m.instance then m.attempts->0->>'channel'
      else coalesce((select a->>'channel' from jsonb_array_elements(m.attempts) a where a->>'instance' = m.instance limit 1), '') end,
    m.kind, m.rule, m.state, m.use, m.segments, case when m.delivered_at > 0 then smshook.bucket(m.delivered_at - m.received_at) end,
    case when m.use = 'used' and m.used_at > 0 then smshook.bucket(m.used_at - m.asked_at) end
  where m.state not in ('queued', 'sending')
$$;

-- Notes what changes in a message that is rolled up. Who rolls up takes the lock for itself: so a change is in the rollup, or here.
create function smshook.note_late() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  until bigint;
begin
  if TG_OP = 'UPDATE' and (select f from smshook.facts(old) f) is not distinct from (select f from smshook.facts(new) f) then
    return null;
  end if;
  perform pg_advisory_xact_lock_shared(20822, 3);
  until := (select r.until from smshook.rolled_up r);
  if TG_OP <> 'INSERT' and old.received_at < until then
    insert into smshook.rollup_late (n, at, country, instance, channel, kind, rule, state, use, segments, to_delivery, to_use)
    select -1, f.* from smshook.facts(old) f;
  end if;
  if TG_OP <> 'DELETE' and new.received_at < until then
    insert into smshook.rollup_late (n, at, country, instance, channel, kind, rule, state, use, segments, to_delivery, to_use)
    select 1, f.* from smshook.facts(new) f;
  end if;
  return null;
end $$;

-- Only messages of at least 5 minutes can be in the rollup: those of 10 minutes are added to it. In between, transactions end that are under way.
-- The conditions are short: Postgres reads them anew for each statement.
create trigger inserted after insert on smshook.message for each row when (new.received_at < smshook.micros() - 300000000) execute function smshook.note_late();
create trigger updated after update on smshook.message for each row when (old.received_at < smshook.micros() - 300000000) execute function smshook.note_late();
create trigger deleted after delete on smshook.message for each row when (old.received_at < smshook.micros() - 300000000) execute function smshook.note_late();

create function smshook.forget_counts() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  truncate smshook.rollup, smshook.rollup_late;
  update smshook.rolled_up set until = 0;
  return null;
end $$;
create trigger emptied after truncate on smshook.message execute function smshook.forget_counts();

-- Adds messages to the rollup that are older than p.after, a batch at a time, and what is late, and removes what is of no more use. Returns whether
-- there is more. The planner takes the groups for more than they are, and would sort.
create function smshook.roll_up(p jsonb) returns jsonb language plpgsql security definer
set enable_sort = off set enable_seqscan = off set work_mem = '16MB' set jit = off set search_path = '' as $$
declare
  now    bigint := smshook.micros();
  batch  int := (p->>'batch')::int;
  step   bigint := (p->'spans'->0->>'long')::bigint; -- of the shortest span
  since  bigint := (select r.until from smshook.rolled_up r);
  due    bigint := now - (p->>'after')::bigint; -- what was received before
  next   bigint;
  places bigint[];
begin
  due := due - due % step;
  if due <= since or not pg_try_advisory_xact_lock(20822, 1) or not pg_try_advisory_xact_lock(20822, 3) then
    return '{"more": false}'; -- one replica at a time; those who note what is late are soon done
  end if;
  perform set_config('synchronous_commit', 'off', true);
  since := (select r.until from smshook.rolled_up r);
  next := (select m.received_at from smshook.message m where m.received_at >= since and m.received_at < due order by m.received_at offset batch limit 1);
  if next is not null then due := greatest(next, since + 1); end if;
  places := array(select l.place from smshook.rollup_late l order by l.place limit batch);

  with spans as (
    select (s->>'long')::bigint as long, case when (s->>'keep')::bigint > 0 then now - (s->>'keep')::bigint else 0 end as oldest
    from jsonb_array_elements(p->'spans') s
  ), counted as materialized (
    select f.at - f.at % step as at, f.country, f.instance, f.channel, f.kind, f.rule, f.state, f.use, f.segments, f.to_delivery, f.to_use, sum(f.n) as n
    from (
      select 1 as n, f.* from smshook.message m, smshook.facts(m) f where m.received_at >= since and m.received_at < due
      union all
      select l.n, l.at, l.country, l.instance, l.channel, l.kind, l.rule, l.state, l.use, l.segments, l.to_delivery, l.to_use
      from smshook.rollup_late l where l.place = any(places)) f
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
  )
  insert into smshook.rollup as r (span, measure, at, country, instance, channel, kind, rule, state, use, bucket, messages, segments)
  select s.long, x.measure, c.at - c.at % s.long, c.country, c.instance, c.channel, c.kind, c.rule, c.state, x.use, x.bucket, sum(c.n), sum(c.n * x.segments)
  from counted c, spans s, lateral (values (0, c.use, 0::smallint, c.segments), (1, '', c.to_delivery, 0), (2, '', c.to_use, 0)) x(measure, use, bucket, segments)
  where x.bucket is not null and c.at - c.at % s.long >= s.oldest
  group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
  on conflict (span, measure, at, country, instance, channel, kind, rule, state, use, bucket) do update
  set messages = r.messages + excluded.messages, segments = r.segments + excluded.segments;

  delete from smshook.rollup r using (
    select distinct (s->>'long')::bigint as long, l.at - l.at % (s->>'long')::bigint as at
    from smshook.rollup_late l, jsonb_array_elements(p->'spans') s where l.place = any(places)) l
  where r.span = l.long and r.measure in (0, 1, 2) and r.at = l.at and r.messages = 0;
  delete from smshook.rollup r using (
    select (s->>'long')::bigint as long, (s->>'keep')::bigint as keep from jsonb_array_elements(p->'spans') s) s
  where s.keep > 0 and r.span = s.long and r.measure in (0, 1, 2) and r.at < now - s.keep - s.keep / 8;
  delete from smshook.rollup_late l where l.place = any(places);
  update smshook.rolled_up r set until = due;
  return jsonb_build_object('more', next is not null or cardinality(places) = batch);
end $$;

-- How many messages there are of each group of a ledger.CountQuery: those in steps that are rolled up, by p.ranges; the others, and what is late,
-- one by one; and those whose state time can change. The values are in the statement, so that it is planned for them. Version 5 asks smshook.count.
create function smshook.counts(p jsonb) returns jsonb language plpgsql stable security definer
set enable_sort = off set work_mem = '32MB' set jit = off set search_path = '' as $$
declare
  now     bigint := smshook.micros();
  since   bigint := (p->>'since')::bigint;
  step    bigint := (p->>'step')::bigint;
  rolled  bigint := (select r.until from smshook.rolled_up r);
  times   boolean := (p->>'times')::boolean;
  at      text := since::text;       -- when the step of a message begins
  names   text := '';                -- of what is asked for
  filter  text := '';
  single  text := 'select 0 as n, f.* from smshook.message m, smshook.facts(m) f where false'; -- messages, one by one
  steps   text := '';                -- that are rolled up
  late    text := 'false';
  one     bigint;
  name    text;
  r       jsonb;
  counted jsonb;
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
  for r in select x from jsonb_array_elements(p->'ranges') x loop
    one := (r->>'since')::bigint;
    if (r->>'span')::bigint > 0 then
      steps := steps || format(' union all select %s as at%s, c.state, c.use, c.measure, c.bucket, c.messages, c.segments
        from smshook.rollup c where c.span = %s and c.measure = any(%L) and c.at >= %s and c.at < %s%s', at, names, r->'span',
        case when times then '{0,1,2}' else '{0}' end, r->'since', r->'until', filter);
      late := late || format(' or l.at >= %s and l.at < %s', r->'since', r->'until');
      one := greatest(one, rolled);
    end if;
    if one < (r->>'until')::bigint then
      single := single || format(' union all select 1, f.* from smshook.message m, smshook.facts(m) f where m.received_at >= %s and m.received_at < %s', one, r->'until');
    end if;
  end loop;
  single := single || format(' union all select l.n, l.at, l.country, l.instance, l.channel, l.kind, l.rule, l.state, l.use, l.segments, l.to_delivery, l.to_use
    from smshook.rollup_late l where %s', late);
  single := single || format(' union all select 1, m.received_at, m.country, coalesce(nullif(m.instance, ''''), m.attempts->-1->>''instance'', ''''), '''', m.kind, m.rule,
    case when m.state = ''queued'' and m.received_at + m.life <= %s then ''expired'' else m.state end, m.use, m.segments, null, null
    from smshook.message m where m.state in (''queued'', ''sending'') and m.received_at >= %s and m.received_at < %s', now, since, p->'until');
  single := format('select %1$s as at%2$s, c.state, c.use, %3$s, sum(c.n) as n, sum(c.n * c.segments) as segments from (%4$s) c where true%5$s group by 1%2$s, c.state, c.use%6$s',
    at, names, case when times then 'c.to_delivery, c.to_use' else 'null::smallint as to_delivery, null::smallint as to_use' end, single, filter,
    case when times then ', c.to_delivery, c.to_use' else '' end);
  execute format('select jsonb_agg(to_jsonb(g)) from (select c.at%1$s, c.state, c.use, c.measure, c.bucket, sum(c.messages) as messages, sum(c.segments) as segments from (
    select c.at%1$s, c.state, x.use, x.measure, x.bucket, c.n as messages, x.segments from (%2$s) c,
      lateral (values (0, c.use, 0::smallint, c.segments), (1, '''', c.to_delivery, 0), (2, '''', c.to_use, 0)) x(measure, use, bucket, segments) where x.bucket is not null%3$s) c
    group by c.at%1$s, c.state, c.use, c.measure, c.bucket having sum(c.messages) <> 0) g', names, single, steps) into counted;
  return coalesce(counted, '[]');
end $$;

insert into smshook.version values (6);
reset role;
