// SPDX-License-Identifier: Apache-2.0
//! Who is compared, and the programs that play each side: ours in `benches/c`, the others in `benches/python`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::server::Server;
use crate::workspace::Workspace;
use crate::{cmake, examples, python};

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Contender {
    Ours,
    /// The official Python SDK, in the pattern of the reference.
    Official,
    /// livekit-portal, uncompressed.
    Portal,
    /// livekit-portal with a JPEG a frame.
    PortalMjpeg,
}

/// What to send.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Video {
    pub width: u32,
    pub height: u32,
    pub pixels: Pixels,
    /// 0: as fast as it goes.
    pub fps: u32,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Pixels {
    Rgba,
    /// All that livekit-portal knows.
    Rgb24,
    I420,
}

impl Contender {
    pub const ALL: [Self; 4] = [Self::Ours, Self::Official, Self::Portal, Self::PortalMjpeg];

    /// As in results.json.
    pub fn key(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Official => "official",
            Self::Portal => "portal",
            Self::PortalMjpeg => "portal_mjpeg",
        }
    }

    /// livekit-portal sends RGB24 alone. In the cases of RGBA it stands for that with three bytes instead of four, which
    /// its frames/s gain by; equal bytes are compared in those of RGB24.
    pub fn takes(self, video: &Video) -> bool {
        match self {
            Self::Ours | Self::Official => true,
            Self::Portal => video.pixels != Pixels::I420,
            Self::PortalMjpeg => video.pixels == Pixels::Rgba,
        }
    }

    /// livekit-portal sends each frame by itself: nothing says that no more comes.
    pub fn ends_streams(self) -> bool {
        matches!(self, Self::Ours | Self::Official)
    }

    pub fn frame_bytes(self, video: &Video) -> u64 {
        let pixels = u64::from(video.width) * u64::from(video.height);
        match (self, video.pixels) {
            (Self::Portal | Self::PortalMjpeg, _) => pixels * 3,
            (_, Pixels::Rgba) => pixels * 4,
            (_, Pixels::Rgb24) => pixels * 3,
            (_, Pixels::I420) => pixels * 3 / 2,
        }
    }
}

impl Video {
    pub fn name(&self) -> String {
        let pace = if self.fps == 0 { "max".to_owned() } else { self.fps.to_string() };
        format!("{}x{}-{}-{pace}", self.width, self.height, self.pixels.name())
    }

    fn arguments(&self) -> [String; 6] {
        let size = format!("{}x{}", self.width, self.height);
        ["--size".into(), size, "--type".into(), self.pixels.name().into(), "--fps".into(), self.fps.to_string()]
    }
}

impl Pixels {
    fn name(self) -> &'static str {
        match self {
            Self::Rgba => "rgba",
            Self::Rgb24 => "rgb24",
            Self::I420 => "i420",
        }
    }
}

/// Where the programs stand.
pub struct Tools {
    /// Those of `benches/c`, with the library beside them.
    pub programs: PathBuf,
    /// None where nothing is compared.
    pub python: Option<PathBuf>,
    scripts: PathBuf,
}

impl Tools {
    /// Builds ours, unless what stands there is to be measured.
    pub fn prepare(workspace: &Workspace, built: bool, with_peers: bool) -> Result<Self> {
        let programs = workspace.output_folder("bench/programs")?;
        if !built {
            let folder = cmake::build_benches(workspace)?.join("benches/c");
            for source in std::fs::read_dir(workspace.root.join("benches/c"))? {
                let source = source?.path();
                if let (Some("c"), Some(name)) = (source.extension().and_then(|it| it.to_str()), source.file_stem()) {
                    examples::copy(&folder.join(name), &programs.join(name))?;
                }
            }
            // Beside the programs: what is built meanwhile does not change what is measured.
            examples::copy(&workspace.target.join("release/liblkvideo.so"), &programs.join(examples::soname()))?;
        }
        let scripts = workspace.root.join("benches/python");
        let interpreter = std::env::var("LKV_BENCH_PYTHON").unwrap_or_else(|_| "python3.12".to_owned());
        let requirements = scripts.join("requirements.txt");
        let environment = || python::environment(workspace, "bench-venv", &requirements, &interpreter);
        Ok(Self { programs, python: with_peers.then(environment).transpose()?, scripts })
    }

    pub fn script(&self, name: &str) -> PathBuf {
        self.scripts.join(name)
    }

    pub fn program(&self, name: &str) -> Command {
        Command::new(self.programs.join(name))
    }

    /// None if there is no Python.
    pub fn sender(&self, who: Contender, run: &Run) -> Option<Command> {
        self.side(who, "frame_sender", "send", run)
    }

    pub fn receiver(&self, who: Contender, run: &Run) -> Option<Command> {
        self.side(who, "frame_receiver", "receive", run)
    }

    fn side(&self, who: Contender, program: &str, role: &str, run: &Run) -> Option<Command> {
        let python = |script: &str, codec: &[&str]| {
            let mut command = Command::new(self.python.as_deref()?);
            command.arg(self.script(script)).arg(role).args(codec).env("RUST_LOG", "error");
            Some(command)
        };
        let mut command = match who {
            Contender::Ours => self.program(program),
            Contender::Official => python("official.py", &[])?,
            Contender::Portal => python("portal.py", &["--codec", "raw"])?,
            Contender::PortalMjpeg => python("portal.py", &["--codec", "mjpeg"])?,
        };
        run.apply(&mut command);
        Some(command)
    }
}

/// What both sides of one measurement are told.
pub struct Run<'a> {
    pub video: Video,
    pub room: String,
    pub seconds: f64,
    pub min_frames: u32,
    pub server: Option<&'a Server>,
}

impl Run<'_> {
    pub fn apply(&self, command: &mut Command) {
        command.args(self.video.arguments()).args(["--room", &self.room]);
        command.args(["--seconds", &self.seconds.to_string(), "--min-frames", &self.min_frames.to_string()]);
        if let Some(server) = self.server {
            command.envs(server.environment());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn portal_sends_three_bytes_a_pixel_and_ours_does_where_bytes_are_to_be_equal() {
        let mut video = Video { width: 640, height: 480, pixels: Pixels::Rgba, fps: 0 };
        assert_eq!(video.name(), "640x480-rgba-max");
        assert_eq!(Contender::ALL.map(|who| who.frame_bytes(&video)), [1_228_800, 1_228_800, 921_600, 921_600]);
        assert_eq!(Contender::ALL.map(|who| who.takes(&video)), [true; 4]);
        video.pixels = Pixels::Rgb24;
        assert_eq!(Contender::ALL.map(|who| who.frame_bytes(&video)), [921_600; 4]);
        assert_eq!(Contender::ALL.map(|who| who.takes(&video)), [true, true, true, false]);
        video.pixels = Pixels::I420;
        video.fps = 30;
        assert_eq!((video.name().as_str(), Contender::Ours.frame_bytes(&video)), ("640x480-i420-30", 460_800));
        assert_eq!(Contender::ALL.map(|who| who.takes(&video)), [true, true, false, false]);
    }
}
