-- The roles of a hosted Supabase database. From supabase/postgres: migrations/db/init-scripts,
-- and 10000000000000_demote-postgres.sql. The cluster's superuser is supabase_admin.
create role postgres login nosuperuser createdb createrole replication bypassrls;
create role anon nologin noinherit;
create role authenticated nologin noinherit;
create role service_role nologin noinherit bypassrls;
create role authenticator login noinherit;
grant anon, authenticated, service_role to authenticator;
create role supabase_auth_admin login noinherit createrole;
