// SPDX-License-Identifier: Apache-2.0
//! The real livekit-server: found or built once, and run on free ports of the loopback interface only.

use std::env;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{bail, Context, Result};

use crate::command;
use crate::process::{Running, Usage};
use crate::workspace::{self, Workspace};

const API_KEY: &str = "devkey";
/// The server warns about secrets of less than 32 characters.
const API_SECRET: &str = "a-secret-for-tests-on-this-machine-only";

/// A loaded machine needs a while to start it.
const START_LIMIT: Duration = Duration::from_secs(30);

/// `$LIVEKIT_SERVER`, else `livekit-server` on the PATH, else the pinned one, built by Go once and kept in the cache.
pub fn locate(workspace: &Workspace) -> Result<PathBuf> {
    if let Some(path) = env::var_os("LIVEKIT_SERVER").filter(|path| !path.is_empty()).map(PathBuf::from) {
        if !path.is_file() {
            bail!("LIVEKIT_SERVER is {}, which is not a file", path.display());
        }
        return Ok(path);
    }
    match command::find("livekit-server") {
        Some(path) => Ok(path),
        None => build(workspace),
    }
}

fn build(workspace: &Workspace) -> Result<PathBuf> {
    let module = workspace.root.join("tests/livekit-server");
    let pins = workspace::fingerprint(&[module.join("go.mod"), module.join("go.sum")])?;
    let binary = workspace.cache_folder()?.join(format!("livekit-server-{pins}"));
    if !binary.is_file() {
        command::require("go")?;
        eprintln!("building livekit-server once (about 2 minutes), to be kept as {}", binary.display());
        let unfinished = binary.with_extension("unfinished");
        let mut go = Command::new("go");
        go.current_dir(&module).args(["build", "-trimpath", "-ldflags=-s -w", "-o"]).arg(&unfinished);
        let status = go.arg("github.com/livekit/livekit-server/cmd/server").status()?;
        if !status.success() {
            bail!("`{}` ended with {status}", command::line(&go));
        }
        fs::rename(&unfinished, &binary)?;
    }
    Ok(binary)
}

/// A server of our own. It ends with this value.
pub struct Server {
    pub url: String,
    command: Command,
    address: SocketAddr,
    running: Running,
}

impl Server {
    pub fn start(workspace: &Workspace) -> Result<Self> {
        let (mut command, port) = command(workspace)?;
        let running = Running::start("server", &mut command)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut server = Self { url: url(port), command, address, running };
        server.wait_until_it_answers()?;
        Ok(server)
    }

    /// Ends it at once, whatever it is at, and starts it again on the same ports after so long.
    pub fn crash(&mut self, absent: Duration) -> Result<()> {
        self.running.end();
        thread::sleep(absent);
        self.running = Running::start("server", &mut self.command)?;
        self.wait_until_it_answers()
    }

    /// What an example or a test program needs to join.
    pub fn environment(&self) -> [(&'static str, &str); 3] {
        environment(&self.url)
    }

    pub fn usage(&mut self) -> Usage {
        self.running.usage()
    }

    fn wait_until_it_answers(&mut self) -> Result<()> {
        let address = self.address;
        let deadline = Instant::now() + START_LIMIT;
        while !answers(address) {
            if let Some(status) = self.running.ended()? {
                bail!("livekit-server ended at once with {status}");
            }
            if Instant::now() > deadline {
                bail!("livekit-server does not answer on {address}");
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

/// `cargo xtask server --run`: becomes the server, until Ctrl-C.
pub fn run(workspace: &Workspace) -> Result<()> {
    let (mut command, port) = command(workspace)?;
    println!("starting livekit-server; in another terminal:\n");
    for (name, value) in environment(&url(port)) {
        println!("export {name}={value}");
    }
    println!("target/examples/c/video_receiver & target/examples/c/video_sender\n");
    let error = command.exec();
    Err(command::cannot_start(&command, error))
}

/// The server with a configuration that keeps all traffic on this machine, and the port that it will answer on.
fn command(workspace: &Workspace) -> Result<(Command, u16)> {
    let (http, tcp, udp) = (free_tcp_port()?, free_tcp_port()?, free_udp_port()?);
    // Nobody answers at that STUN server's port (9, discard): without any, clients would be told of public ones.
    let configuration = format!(
        "port: {http}\n\
         bind_addresses: [127.0.0.1]\n\
         rtc:\n  tcp_port: {tcp}\n  udp_port: {udp}\n  node_ip: 127.0.0.1\n  use_external_ip: false\n  \
           enable_loopback_candidate: true\n  interfaces: {{ includes: [lo] }}\n  stun_servers: ['127.0.0.1:9']\n\
         keys: {{ {API_KEY}: {API_SECRET} }}\n\
         logging: {{ level: error }}\n"
    );
    let mut command = Command::new(locate(workspace)?);
    command.arg("--config-body").arg(configuration);
    Ok((command, http))
}

fn url(port: u16) -> String {
    format!("ws://127.0.0.1:{port}")
}

/// The variables that the examples and the tests read.
fn environment(url: &str) -> [(&'static str, &str); 3] {
    [("LIVEKIT_URL", url), ("LIVEKIT_API_KEY", API_KEY), ("LIVEKIT_API_SECRET", API_SECRET)]
}

fn free_tcp_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free TCP port")?.local_addr()?.port())
}

fn free_udp_port() -> Result<u16> {
    Ok(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).context("no free UDP port")?.local_addr()?.port())
}

fn answers(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_millis(500))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.") && answer.contains(" 200 "))
}
