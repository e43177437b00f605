-- Version 2 of the schema: a copy of the database is found out, and the replicas tell their settings.
set local role smshook_owner;

-- Which database this is. One that was restored or copied has the rows of another one: what waits in it to be sent was sent from there, or will
-- be. That is held until somebody runs `smshook migrate -resume`. What is put into the copy itself is sent.
create table smshook.origin (
  identity    text not null,
  held_before bigint not null default 0  -- what was put before is held
);

-- Differs between a database and a copy of it. The first part is the cluster's since initdb. The second is the database's in the cluster. The third
-- is the timeline: it grows when a backup is restored to a point in time, and when a standby takes over. A copy of the cluster's disk has all three:
-- it can't be told from the database itself.
-- https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-TIMELINES
create function smshook.identity() returns text language plpgsql volatile set search_path = '' as $$
declare
  oid text := (select d.oid from pg_database d where d.datname = current_database());
begin
  return concat_ws('/', (select system_identifier from pg_control_system()), oid, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8));
exception when insufficient_privilege then -- all may call these functions, unless a provider has revoked that
  return oid;
end $$;

-- What was put before this time is held, and must not be sent. 0: nothing is.
create function smshook.held_before() returns bigint language plpgsql volatile set search_path = '' as $$
declare
  here text := smshook.identity();
  o    smshook.origin;
begin
  select * into o from smshook.origin;
  if o.identity = here then return o.held_before; end if;
  update smshook.origin x set identity = here, held_before = smshook.micros() where x.identity = o.identity returning x.* into o;
  if not found then select * into o from smshook.origin; end if; -- another session has found it out
  return o.held_before;
end $$;

create function smshook.held() returns boolean language plpgsql volatile security definer set search_path = '' as $$
begin
  return smshook.held_before() > 0;
end $$;

-- Lets what is held be sent from this database. Returns whether anything was held.
create function smshook.resume() returns boolean language plpgsql volatile set search_path = '' as $$
declare
  held boolean := smshook.held();
begin
  update smshook.origin set held_before = 0;
  return held;
end $$;

insert into smshook.origin values (smshook.identity());

-- The settings of the replicas. The environment of a replica is the one place to set them. Each replica tells its own here, so that the
-- functions of the schema can read them, and so that replicas with different settings find out.
--
-- One row for each replica. The document is postgres.Published as JSON; the order of its members means nothing:
--   limits         the rate limits, an array with one object for each rule, in the order in which they are charged:
--                    rule      the name of the setting without its prefix, in lower case: limit_phone
--                    on        whether the rule limits anything; if not, the numbers are 0
--                    most      how many messages may be sent at once
--                    per       the time in which as many more may be sent, in microseconds
--                    interval  per / most: how long one message uses up, as smshook.charge takes it
--   observe        true: a limit that is used up refuses nothing
--   allowed        digits without plus: a number that begins with none of them is refused; empty: none is refused by this
--   blocked        digits without plus: a number that begins with one of them is refused
--                  Neither list refuses a number that the replica would allow. The replica may refuse more: what only tables of numbers tell.
--   countries      for each calling code that exists, its country, as in GB; the calling code itself if it belongs to no country; nothing if several
--                  countries share it
--   sentences      what the app's user reads: just_sent, too_many, number, failed
--   life, mfa_life how long a code is valid, in microseconds; mfa_life is that of a second factor
--   late_fallback  whether a message that was not delivered is sent again
--   compared       for each setting that is to be the same at all replicas, by name, a keyed hash of its value
create table smshook.settings (
  replica    int primary key,
  started_at bigint not null,
  seen_at    bigint not null,               -- within 30 seconds
  ended      boolean not null default false,
  document   jsonb not null
) with (fillfactor = 50);

-- The settings that count: those of the replica that has started last. A replica that has ended, or was not seen for 5 minutes, doesn't count as
-- long as there is another one. All columns are null if no replica has ever told its settings.
create function smshook.settings_in_force() returns smshook.settings language plpgsql set search_path = '' as $$
declare
  oldest bigint := smshook.micros() - 300000000;
  s      smshook.settings;
begin
  select x.* into s from smshook.settings x order by not x.ended and x.seen_at > oldest desc, x.started_at desc, x.replica desc limit 1;
  return s;
end $$;

-- Notes the settings of a replica, and answers with the document in force if it is another replica's, and with whether something is held.
-- age is how long ago the replica started, in microseconds: with it, the clocks of replicas don't matter.
create function smshook.agree(p jsonb) returns jsonb language plpgsql security definer set search_path = '' as $$
declare
  now bigint := smshook.micros();
  s   smshook.settings;
begin
  perform set_config('synchronous_commit', 'off', true);
  insert into smshook.settings as x (replica, started_at, seen_at, document) values ((p->>'me')::int, now - (p->>'age')::bigint, now, p->'document')
  on conflict (replica) do update set seen_at = excluded.seen_at, ended = false, document = excluded.document
  where x.seen_at < now - 30000000 or x.ended or x.document <> excluded.document;
  select * into s from smshook.settings_in_force();
  delete from smshook.settings where seen_at < now - 86400000000 and replica <> s.replica;
  return jsonb_build_object('document', case when s.replica <> (p->>'me')::int then s.document end, 'held', smshook.held(), 'now', smshook.micros());
end $$;

-- Notes that a replica ends.
create function smshook.leave(p jsonb) returns jsonb language plpgsql security definer set search_path = '' as $$
begin
  update smshook.settings set ended = true where replica = (p->>'me')::int;
  return '{}';
end $$;

insert into smshook.version values (2);
reset role;
