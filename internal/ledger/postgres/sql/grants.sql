-- Supabase Auth may call the hook, and nothing else. Done at each migration: Auth's role may have been made since the last one.
do $$ begin
  if exists (select from pg_roles where rolname = 'supabase_auth_admin') then
    set local role smshook_owner;
    grant usage on schema smshook to supabase_auth_admin;
    grant execute on function smshook.send_sms(jsonb) to supabase_auth_admin;
    reset role;
  end if;
end $$;
