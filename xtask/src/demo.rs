// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask demo`: real video through the library, in two segments, and proof that it arrived: the received file,
//! equal to the clip in every byte, and a contact sheet to look at.

use std::path::PathBuf;

use anyhow::{ensure, Result};

use crate::clip;
use crate::contact_sheet;
use crate::events::{self, Event};
use crate::examples::{self, Arguments};
use crate::server::Server;
use crate::workspace::Workspace;
use crate::y4m::Video;

const SEGMENTS: usize = 2;

const CLIP: &str = "clip.y4m";
const RECEIVED: &str = "received.y4m";
const CONTACT_SHEET: &str = "contact-sheet.png";
const EVENTS: &str = "sender-events.jsonl";

/// Without a server: `loopback:`.
pub fn on_loopback(workspace: &Workspace) -> Result<()> {
    let (programs, demo) = (examples::build(workspace)?, Demo::prepare(workspace)?);
    let arguments = demo.sending().with("--save", demo.path(RECEIVED)).with("--events", demo.path(EVENTS));
    programs.run_loopback(&arguments)?;
    demo.prove(&events::read(&demo.folder.join(EVENTS))?)
}

/// Through a real livekit-server, with sender and receiver as two processes.
pub fn through_server(workspace: &Workspace) -> Result<()> {
    let (programs, demo) = (examples::build(workspace)?, Demo::prepare(workspace)?);
    let server = Server::start(workspace)?;
    let sender = demo.sending().with("--events", demo.path(EVENTS));
    let receiver = Arguments::default().with("--segments", SEGMENTS).with("--fps", demo.clip.frames_per_second());
    programs.run_pair(&server, &sender, &receiver.with("--save", demo.path(RECEIVED)))?;
    demo.prove(&events::read(&demo.folder.join(EVENTS))?)
}

/// The clip, and a folder for everything that is made of it.
struct Demo {
    folder: PathBuf,
    clip: Video,
}

impl Demo {
    fn prepare(workspace: &Workspace) -> Result<Self> {
        let demo = Self { folder: workspace.output_folder("demo")?, clip: clip::load(workspace)? };
        demo.clip.write(&demo.folder.join(CLIP))?;
        let (frames, rate) = (demo.clip.frames.len(), demo.clip.frames_per_second());
        println!("\nBig Buck Bunny: {frames} frames at {rate} frames/s, in {SEGMENTS} segments\n");
        Ok(demo)
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn sending(&self) -> Arguments {
        Arguments::default()
            .with("--input", self.path(CLIP))
            .with("--type", "i420")
            .with("--segments", SEGMENTS)
            .with("--frames", self.clip.frames.len() / SEGMENTS)
            .with("--fps", self.clip.frames_per_second())
    }

    /// Compares what came with what was sent, and draws it.
    fn prove(&self, events: &[Event]) -> Result<()> {
        let mut finished = 0;
        println!();
        for event in events {
            if let Event::PlaybackFinished { position, interrupted } = event {
                println!("playback finished at {position:.3} s{}", if *interrupted { ", interrupted" } else { "" });
                finished += 1;
            }
        }
        ensure!(finished == SEGMENTS, "{finished} playback-finished came for {SEGMENTS} segments");
        let received = Video::read(&self.folder.join(RECEIVED))?;
        ensure!(received.frames == self.clip.frames, "what arrived is not what was sent");
        contact_sheet::write(&received, SEGMENTS, &self.folder.join(CONTACT_SHEET))?;
        println!("{} frames arrived, equal to the clip in every byte", received.frames.len());
        println!("{}\n{}", self.path(RECEIVED), self.path(CONTACT_SHEET));
        Ok(())
    }
}
