/** The keywords of a connection string. Source: PostgreSQL documentation, "Parameter Key Words". */

/** Those that hold a secret, PostgreSQL 18 included. */
export const SECRET_KEYWORDS: ReadonlySet<string> = new Set([
  'password',
  'sslpassword',
  'oauth_client_secret',
  'scram_client_key',
  'scram_server_key',
]);

/** Of libpq 18, those of no meaning here included: a typing error must not go unseen. */
export const CONNINFO_KEYWORDS: ReadonlySet<string> = new Set(
  `host hostaddr port dbname user password passfile require_auth requirepeer gssencmode sslcrldir channel_binding options
  application_name sslmode sslnegotiation sslcert sslkey sslrootcert sslcrl sslsni ssl_min_protocol_version
  ssl_max_protocol_version connect_timeout target_session_attrs load_balance_hosts
  service client_encoding fallback_application_name replication keepalives keepalives_idle keepalives_interval
  keepalives_count tcp_user_timeout tty authtype requiressl sslcompression sslcertmode sslpassword krbsrvname gsslib
  gssdelegation servicefile min_protocol_version max_protocol_version scram_client_key
  scram_server_key oauth_issuer oauth_client_id oauth_client_secret oauth_scope sslkeylogfile`.split(/\s+/),
);
