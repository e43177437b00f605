-- The settings of the replicas, version 2 of the schema. The environment of a replica is the one place to set them. Each replica tells its own
-- here, so that the functions of the schema can read them, and so that replicas with different settings find out.
set local role smshook_owner;

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

-- Notes the settings of a replica, and answers with the document in force if it is another replica's. age is how long ago the replica
-- started, in microseconds: with it, the clocks of replicas don't matter.
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
  return jsonb_build_object('document', case when s.replica <> (p->>'me')::int then s.document end);
end $$;

-- Notes that a replica ends.
create function smshook.leave(p jsonb) returns jsonb language plpgsql security definer set search_path = '' as $$
begin
  update smshook.settings set ended = true where replica = (p->>'me')::int;
  return '{}';
end $$;

grant execute on function smshook.agree(jsonb), smshook.leave(jsonb) to smshook;
insert into smshook.version values (2);
reset role;
