-- Lets each of your app's users read what became of their own messages, at /rest/v1/my_messages; anon reads nothing, and service_role reads
-- all. It is your decision, so `smshook migrate` doesn't make it. Run all of it at once, as the role postgres. It needs Postgres 15. Never
-- add the schema smshook to the schemas that the API exposes.
--
-- To undo it: drop view public.my_messages; alter table smshook.message disable row level security;
--   revoke select on smshook.message from authenticated, service_role; drop policy smshook_own on smshook.message; drop policy smshook_settle on smshook.message;
begin;
set local lock_timeout = '2s';

create index if not exists message_user_id on smshook.message (user_id, received_at desc) where user_id is not null;
alter table smshook.message enable row level security;
create policy smshook_own on smshook.message for select to authenticated using ((select auth.uid()) = user_id);
do $$ begin -- smshook.settle runs as this role
  execute format('create policy smshook_settle on smshook.message to %I using (true)', current_user);
end $$;

grant usage on schema smshook to authenticated, service_role;
revoke all on smshook.message from anon, authenticated, service_role;
grant select (id, user_id, received_at, number, kind, state, delivered_at, use, used_at) on smshook.message to authenticated;
grant select on smshook.message to service_role;

create view public.my_messages with (security_invoker = true, security_barrier = true) as
  select m.id, m.user_id, to_timestamp(m.received_at / 1e6) as created_at, m.number, nullif(m.kind, '') as kind, m.state,
    to_timestamp(nullif(m.delivered_at, 0) / 1e6) as delivered_at, nullif(m.use, '') as conversion, to_timestamp(nullif(m.used_at, 0) / 1e6) as used_at
  from smshook.message m;
revoke all on public.my_messages from public, anon, authenticated, service_role;
grant select on public.my_messages to authenticated, service_role;

commit;
