//! A server of `PostgreSQL` for tests: one for all of them, with a database for each. The first test starts it, and it stops when no test
//! uses it any more. It listens on 127.0.0.1 alone, and lets everybody of this machine in.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use muc_invite_relay::config::{JournalKey, JournalServer};

/// The variable that leaves out all tests that need `PostgreSQL`.
const WITHOUT: &str = "WITHOUT_POSTGRESQL";

/// A database of its own, for as long as this exists.
pub struct Database {
    bin: PathBuf,
    data: PathBuf,
    port: u16,
    name: String,
    /// Keeps the server from being stopped.
    _used: File,
}

impl Database {
    /// A new, empty database; `None`, loudly, where the variable [`WITHOUT`] says that the tests go without.
    ///
    /// # Panics
    /// `PostgreSQL` is not installed.
    pub fn new() -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        if std::env::var_os(WITHOUT).is_some() {
            eprintln!("NOT TESTED: {WITHOUT} is set, so nothing is tested with PostgreSQL");
            return None;
        }
        let bin = programs().unwrap_or_else(|| {
            panic!(
                "There is no initdb under /usr/lib/postgresql/*/bin. Run scripts/test, which installs it, or as root: apt-get \
                 install postgresql. {WITHOUT}=1 leaves these tests out"
            )
        });
        let version = bin.parent().and_then(Path::file_name).unwrap().to_string_lossy().into_owned();
        let uid = fs::metadata("/proc/self").unwrap().uid();
        let folder = std::env::temp_dir().join(format!("muc-invite-relay-tests-postgres-{version}-{uid}"));
        fs::create_dir_all(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        let lock = |name: &str| {
            File::options().create(true).truncate(false).write(true).open(folder.join(name)).unwrap()
        };
        let used = lock("used");
        used.lock_shared().unwrap();
        let starting = lock("starting");
        starting.lock().unwrap();
        let port = running(&folder).unwrap_or_else(|| start(&bin, &folder, uid == 0));
        drop(starting);
        let name = format!("test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let database = Self { bin, data: folder.join("data"), port, name, _used: used };
        database.psql("postgres", &format!("DROP DATABASE IF EXISTS {0} WITH (FORCE)", database.name));
        database.psql("postgres", &format!("CREATE DATABASE {}", database.name));
        Some(database)
    }

    pub fn url(&self) -> String {
        format!("postgresql://postgres:planted-url-password@127.0.0.1:{}/{}", self.port, self.name)
    }

    /// For the configuration of a journal.
    #[allow(dead_code, reason = "not all files of tests need it")]
    pub fn server(&self, key: u8) -> JournalServer {
        JournalServer {
            urls: vec![self.url().into()],
            shown: format!("127.0.0.1:{}/{}", self.port, self.name),
            key: JournalKey::new([key; 32]),
            key_file: "/etc/key".into(),
            password_in: None,
            relay: "here:/run/relay.sock".into(),
            lease: std::time::Duration::from_secs(5),
        }
    }

    /// Makes it anew, empty and with another encoding.
    #[allow(dead_code, reason = "not all files of tests need it")]
    pub fn recode(&self, encoding: &str) {
        let name = &self.name;
        self.psql("postgres", &format!("DROP DATABASE {name}"));
        let create = format!("CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0");
        self.psql("postgres", &create);
    }

    /// Runs `sql` as another program would.
    #[allow(dead_code, reason = "not all files of tests need it")]
    pub fn sql(&self, sql: &str) -> String {
        self.psql(&self.name, sql)
    }

    fn psql(&self, database: &str, sql: &str) -> String {
        self.run("psql", database, &["-XqAt", "-v", "ON_ERROR_STOP=1", "-c", sql])
    }

    /// All that is in it, as text.
    #[allow(dead_code, reason = "not all files of tests need it")]
    pub fn dump(&self) -> String {
        self.run("pg_dump", &self.name, &["--inserts"])
    }

    /// Whether a text stands in any file of the server: tables and write-ahead log.
    #[allow(dead_code, reason = "not all files of tests need it")]
    pub fn files_hold(&self, text: &str) -> bool {
        self.psql(&self.name, "CHECKPOINT");
        let mut grep = Command::new("grep");
        grep.args(["-rqsF", "-e", text]).args(["base", "pg_wal"].map(|folder| self.data.join(folder)));
        // 2: some file has gone meanwhile, since others use the server as well.
        let code = grep.status().unwrap().code();
        assert!(matches!(code, Some(0..=2)), "{code:?}");
        code == Some(0)
    }

    fn run(&self, program: &str, database: &str, arguments: &[&str]) -> String {
        let mut command = Command::new(self.bin.join(program));
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "postgres", "-d", database]);
        let output =
            command.args(arguments).env("PGOPTIONS", "-c client_min_messages=error").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.psql("postgres", &format!("DROP DATABASE {} WITH (FORCE)", self.name));
        }
    }
}

/// The folder of the newest server's programs.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut folders: Vec<PathBuf> = versions.flatten().map(|version| version.path().join("bin")).collect();
    folders.retain(|folder| folder.join("initdb").is_file());
    folders.sort();
    folders.pop()
}

/// The port of the server, if it runs.
fn running(folder: &Path) -> Option<u16> {
    let port = fs::read_to_string(folder.join("port")).ok()?.parse().ok()?;
    folder.join("data/postmaster.pid").exists().then_some(())?;
    TcpStream::connect(("127.0.0.1", port)).ok().map(|_| port)
}

fn start(bin: &Path, folder: &Path, as_root: bool) -> u16 {
    // The server refuses to run as root.
    let as_server = |program: &Path| {
        let mut command = Command::new(if as_root { Path::new("setpriv") } else { program });
        if as_root {
            let user = Command::new("id").arg("-u").arg("postgres").output().unwrap();
            let user = String::from_utf8(user.stdout).unwrap();
            command.args(["--reuid", user.trim(), "--regid", user.trim(), "--clear-groups"]).arg(program);
        }
        command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null());
        command
    };
    let run = |mut command: Command| {
        let status = command.status().unwrap();
        assert!(status.success(), "{command:?}");
    };
    let data = folder.join("data");
    if as_root && !data.exists() {
        fs::create_dir(&data).unwrap();
        run({
            let mut command = Command::new("chown");
            command.arg("postgres").arg(&data);
            command
        });
    }
    if !data.join("PG_VERSION").exists() {
        let mut initdb = as_server(&bin.join("initdb"));
        initdb.arg("-D").arg(&data).args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"]);
        run(initdb);
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut pg_ctl = as_server(&bin.join("pg_ctl"));
    let settings =
        format!("-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=300");
    let log = data.join("log");
    run({
        pg_ctl.arg("-D").arg(&data).arg("-l").arg(&log).args(["-w", "-o", &settings, "start"]);
        pg_ctl
    });
    fs::write(folder.join("port"), port.to_string()).unwrap();
    // Waits until no test has the lock, and then stops the server.
    let mut stop = as_server(&bin.join("pg_ctl"));
    stop.arg("-D").arg(&data).args(["-m", "fast", "stop"]);
    let mut waiting = Command::new("setsid");
    waiting.arg("--fork").arg("flock").arg(folder.join("used")).arg(stop.get_program()).args(stop.get_args());
    waiting.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    run(waiting);
    port
}
