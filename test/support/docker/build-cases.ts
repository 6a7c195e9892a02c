/** One Dockerfile that both builders build. */
export interface BuildCase {
  readonly name: string;
  /** Starts with FROM of `base` unless it says otherwise. */
  readonly dockerfile: string;
  /** A shell script run in the empty context; every file's time is set to a fixed one afterwards. */
  readonly prepare?: string;
  readonly args?: readonly string[];
  /** Who must refuse it. */
  readonly fails?: "both" | "strake";
  /** Differences that are meant, each with the decision's reason (docs/decisions/0061). */
  readonly meant?: readonly RegExp[];
}

/** History texts as BuildKit writes them today; docker 20.10 carries one of 2020. */
const argTexts = /^history\[\d+\]: docker "- ARG /;
const copyTexts = /^history\[\d+\]: docker "\+ (COPY|ADD) .* strake "\+ (COPY|ADD) --/;
const healthTexts = /^history\[\d+\]: docker "- HEALTHCHECK .* strake "- HEALTHCHECK .* \\"0s\\" '/;
const exposeTexts = /^history\[\d+\]: docker "- EXPOSE map.* strake "- EXPOSE \[/;

const tree =
  "mkdir -p d/e/f; echo a >a; echo b >b.txt; echo c >c.txt; echo 1 >d/1; echo 2 >d/e/2; echo 3 >d/e/f/3";

export const buildCases: readonly BuildCase[] = [
  {
    name: "RUN shell and exec forms",
    dockerfile: String.raw`FROM busybox
RUN echo one > /one && \
    # a comment inside
    echo two > /two

RUN ["/bin/sh", "-c", "echo three > /three"]
RUN ["touch", "-d", "2020-01-01 00:00:00", "/four"]
CMD echo "$HOME"
`,
  },
  {
    name: "RUN writes to /dev/stdout and /dev/stderr",
    dockerfile:
      "FROM busybox\nRUN echo a > /dev/stderr && echo b | tee /dev/stdout && echo done > /root-wrote\nRUN mkdir -m 777 /w\nUSER daemon\nRUN echo c > /dev/stderr && echo d | tee /dev/stdout && echo done > /w/daemon-wrote\n",
  },
  {
    name: "CMD and ENTRYPOINT: JSON and shell",
    dockerfile: String.raw`FROM busybox AS a
ENTRYPOINT ["/bin/echo", "a b"]
CMD ["x"]
FROM a AS b
ENTRYPOINT echo hello
FROM b
CMD  echo   spaced   out
CMD [ "last", "wins" ]
`,
  },
  {
    name: "ENTRYPOINT clears an inherited CMD, not its own",
    dockerfile: 'FROM busybox AS a\nCMD ["x"]\nENTRYPOINT ["y"]\nFROM a\nENTRYPOINT ["z"]\n',
  },
  { name: "empty ENTRYPOINT and CMD", dockerfile: "FROM busybox\nENTRYPOINT []\nCMD []\n" },
  {
    name: "malformed JSON is a shell command",
    dockerfile: "FROM busybox\nCMD ['single', 'quotes']\nENTRYPOINT [\"a\",]\n",
  },
  {
    name: "ENV forms and expansions",
    dockerfile: String.raw`FROM busybox
ENV legacy some value  with spaces
ENV A=1 B="two words" C=three\ words D='$A' E="$A" F=\$A
ENV A=9 G=$A H=${"$"}{A}x I=${"$"}{missing:-def} J=${"$"}{A:+alt} K=${"$"}{missing:+alt} L=${"$"}{B:-def}
ENV PATH=/opt/bin:$PATH
ENV EMPTY= Q="say \"hi\"" R="a\
b" S=a"b"'c'
RUN env | grep -v -e HOSTNAME -e SHLVL | sort > /env
`,
  },
  {
    name: "ARG scopes",
    meant: [argTexts, /^history.* strake "\+ RUN \|4 VERSION/],
    dockerfile: String.raw`ARG BASE=busybox
ARG VERSION=1.0
ARG UNUSED
FROM $BASE AS one
ARG VERSION
ARG OWN=own-$VERSION
ARG BOTH=arg
ENV BOTH=env
ARG EMPTY
RUN echo "$VERSION/$OWN/$BOTH/$BASE/${"$"}{EMPTY-unset}" > /args
FROM one
RUN echo "$VERSION/$OWN/$BOTH" > /inherited
LABEL v=$VERSION o=$OWN
`,
    args: ["--build-arg", "OWN=given", "--build-arg", "VERSION=2.0"],
  },
  {
    name: "predefined ARGs stay out of history",
    meant: [argTexts],
    dockerfile:
      "FROM busybox\nARG TARGETARCH\nARG TARGETPLATFORM\nRUN echo $TARGETARCH $TARGETPLATFORM $FTP_PROXY > /a\n",
    args: ["--build-arg", "FTP_PROXY=ftp://p"],
  },
  {
    name: "predefined ARG declared",
    meant: [argTexts],
    dockerfile: "FROM busybox\nARG FTP_PROXY\nRUN echo $FTP_PROXY > /a\n",
    args: ["--build-arg", "FTP_PROXY=ftp://p"],
  },
  {
    name: "COPY files, folders, globs",
    prepare: tree,
    dockerfile: String.raw`FROM busybox
COPY a /a
COPY a /into/
COPY a /deep/er/file
COPY *.txt /txt/
COPY d /d
COPY d/ /d2/
COPY a d /both/
COPY [a-b]* /class/
COPY d/* /star/
COPY ["a", "/json path/"]
COPY ?.txt /q/
`,
  },
  {
    name: "COPY to a relative path, dots, the root",
    prepare: tree,
    dockerfile:
      "FROM busybox\nWORKDIR /w\nCOPY a .\nCOPY a ./x/\nCOPY a ../up\nCOPY d ../../../clamped\nCOPY b.txt /\nCOPY /a /abs\nCOPY ./d/../a ./dots\n",
  },
  {
    name: "COPY onto what exists",
    prepare: tree,
    dockerfile:
      "FROM busybox\nRUN mkdir -p /dir/e && echo old > /dir/1 && chmod 700 /dir && chown 5:6 /dir && touch -d @0 /dir /dir/e\nCOPY d /dir\nCOPY a /dir/1\nCOPY a /dir\n",
  },
  {
    name: "COPY a folder onto a file",
    prepare: tree,
    dockerfile: "FROM busybox\nRUN echo x > /file\nCOPY d /file\n",
    fails: "both",
  },
  {
    name: "COPY a file over a folder's path",
    prepare: tree,
    dockerfile: "FROM busybox\nCOPY d /x\nCOPY d/1 /x/e\n",
  },
  {
    name: "COPY two files to a file",
    prepare: tree,
    dockerfile: "FROM busybox\nCOPY a b.txt /x\n",
    fails: "strake",
  },
  {
    name: "COPY a glob of one to a file name",
    prepare: tree,
    dockerfile: "FROM busybox\nCOPY b*.txt /x\nCOPY d/e* /y\n",
  },
  {
    name: "COPY of a missing file",
    prepare: tree,
    dockerfile: "FROM busybox\nCOPY nope /x\n",
    fails: "both",
  },
  {
    name: "COPY of a glob that matches nothing beside one that does",
    prepare: tree,
    dockerfile: "FROM busybox\nCOPY a nope* /x/\n",
  },
  {
    name: "COPY --chown names and numbers",
    meant: [copyTexts],
    prepare: tree,
    dockerfile: String.raw`FROM busybox
RUN echo 'app:x:1234:4321::/:/bin/sh' >> /etc/passwd && echo 'grp:x:777:' >> /etc/group
COPY --chown=app a /by-name
COPY --chown=app:grp a /by-both
COPY --chown=1:2 d /numbers
COPY --chown=7 a /number
COPY --chown=:grp a /only-group
COPY --chown=app:0 d /made/new/dirs/
USER app
COPY a /user-does-not-count
ARG who=app
COPY --chown=$who a /variable
`,
  },
  {
    name: "COPY --chown of an unknown user",
    prepare: tree,
    dockerfile: "FROM busybox\nCOPY --chown=nobody-such a /\n",
    fails: "strake",
  },
  {
    name: "COPY of modes and links",
    meant: [/^layer 0 \/all\/(hard|private): docker .* = /, /^layer 0 \/all\/pipe: docker undefined/],
    prepare:
      "mkdir dir sgid; echo x >run.sh; chmod 755 run.sh; echo s >suid; chmod 4755 suid; chmod 2775 sgid; echo p >private; chmod 600 private; ln -s run.sh link; ln -s /run.sh absolute; ln -s nowhere dangling; ln -s dir dirlink; echo in >dir/in; ln private hard; chmod 1777 dir; mkfifo pipe; mkdir empty",
    dockerfile:
      "FROM busybox\nCOPY . /all/\nCOPY link /followed\nCOPY dirlink /dirfollowed\nCOPY link absolute /links/\nCOPY dirlink/in /through\n",
  },
  {
    name: "COPY to a symlink in the image",
    prepare: tree,
    dockerfile: String.raw`FROM busybox
RUN mkdir /real && ln -s /real /abs && ln -s real /rel && echo old > /target && ln -s target /filelink && ln -s /gone /dangling && ln -s /real/new /danglingdir
COPY a /abs/
COPY b.txt /abs/named
COPY d /rel
COPY c.txt /filelink
COPY a /dangling
COPY d /danglingdir/
`,
  },
  {
    name: "COPY --from stages, numbers, images",
    meant: [copyTexts],
    dockerfile: String.raw`FROM busybox AS Build
RUN mkdir -p /out/sub && echo 1 > /out/1 && echo 2 > /out/sub/2 && ln -s 1 /out/l && ln /out/1 /out/h && chown -R 3:4 /out/sub && chmod 750 /out/sub && touch -h -d @1500000000 /out/* /out/sub/2 && touch -d @1500000000 /out/sub /out
FROM busybox
RUN echo second > /second && touch -d @1500000000 /second
FROM busybox
COPY --from=build /out /from-name
COPY --from=0 /out/1 /out/l /from-number/
COPY --from=1 second /rel
COPY --from=busybox:latest /etc/passwd /etc/group /image/
COPY --from=build --chown=9 /out/sub /owned
COPY --from=build out/* /globbed/
`,
  },
  {
    name: "COPY --from a path that is not there",
    dockerfile: "FROM busybox AS a\nFROM busybox\nCOPY --from=a /nope /x\n",
    fails: "both",
  },
  {
    name: "COPY --from an unknown stage",
    dockerfile: "FROM busybox\nCOPY --from=4 /nope /x\n",
    fails: "both",
  },
  {
    name: "COPY --chmod octal",
    meant: [copyTexts, /^layer 2 \/new\/x: docker "file 711 .* strake "file 4711 /],
    prepare: tree,
    dockerfile:
      "FROM busybox\nCOPY --chmod=755 a /x\nCOPY --chmod=0600 d /d\nCOPY --chmod=4711 --chown=1:1 a /new/x\n",
  },
  {
    name: "ADD of archives",
    meant: [copyTexts, /^layer 8 \/owned\/.* docker ".* 0:0 .* strake ".* 5:5 /],
    prepare:
      "mkdir -p src/sub/empty; echo x >src/x; echo y >src/sub/y; ln -s x src/l; ln src/x src/h; chmod 700 src/sub; chmod 4755 src/sub/y; find src -exec touch -h -d @1400000000 {} +; tar -C src --owner=11 --group=12 -czf t.tar.gz .; tar -C src --owner=0 --group=0 -cf t.tar .; tar -C src -cJf t.tar.xz x sub; tar -C src -cjf t.tar.bz2 x; echo plain >not.tar; echo x | gzip -n >single.gz; rm -r src",
    dockerfile: String.raw`FROM busybox
ADD t.tar.gz /gz/
ADD t.tar /tar
ADD t.tar.xz /xz/
ADD t.tar.bz2 /bz2/
ADD not.tar /plain.tar
ADD single.gz /single.gz
ADD single.gz /in/
COPY t.tar.gz /copied
ADD --chown=5:5 t.tar /owned/
ADD t.tar.gz t.tar.bz2 not.tar /three/
RUN mkdir /real && ln -s real /symlinked && echo old > /real/x && mkdir -p /real/h
ADD t.tar /symlinked/
`,
  },
  {
    name: "ADD of an archive over symlinked folders in the image",
    meant: [/^layer 1 \/(lib|usr)/, /^layer 2 \/found/],
    prepare:
      "mkdir -p src/lib/deep; echo new >src/lib/deep/f; find src -exec touch -d @1400000000 {} +; tar -C src --owner=0 --group=0 -czf t.tgz .; rm -r src",
    dockerfile:
      "FROM busybox\nRUN mkdir -p /usr/lib2/deep && ln -s usr/lib2 /lib\nADD t.tgz /\nRUN find /usr/lib2 -type f > /found; ls -ld /lib | cut -c1 >> /found\n",
  },
  {
    name: "names with everything in them",
    prepare: String.raw`mkdir -p 'dir with space' 'back\slash' '*star' empty/deep; n=0; for f in 'dir with space/f i' "$(printf 'nl\nname')" "$(printf 'ta\tb')" ünï "$(printf 'x\377y')" '$var' 'q"uote' "s'q" '#hash' '!bang' '[br]' -dash 'back\slash/f' '*star/g' 'trail ' ' lead' $(printf 'n%.0s' $(seq 250)); do n=$((n+1)); echo $n >"./$f"; done; chmod 000 ünï; chmod 7777 ./-dash`,
    dockerfile: String.raw`FROM busybox
COPY . /all/
COPY ["dir with space", "/d s/"]
COPY ["[[]br]", "#hash", "/x/"]
COPY -dash /dash
COPY [$]var /var
COPY ünï ./
COPY 's?q' /s/
COPY ["*star", "/st"]
COPY ["back\\\\slash", "/bs"]
`,
  },
  {
    name: "folders that are emptied, replaced and filled again",
    prepare: "mkdir -p a/b; echo 1 >a/1; echo 2 >a/b/2",
    dockerfile: String.raw`FROM busybox
COPY a /a
RUN rm -rf /a && mkdir /a && echo n >/a/n
COPY a/b /a/b
RUN rm -rf /a/b && mkdir /a/b && rm -f /a/n
RUN mv /a /c && mkdir /a
RUN rm -rf /c /a && echo file >/a
RUN rm /a; ln -s /etc /a; rm -rf /var/* /home; mkdir -p /opt/x && rmdir /opt/x
COPY a /copied
RUN touch -d @1500000000 /copied/1; chmod 700 /copied/b; chown 5 /copied; ln /copied/1 /hard; mv /copied/b /copied/c
`,
  },
  {
    name: "file capabilities through COPY, ADD and --from",
    meant: [copyTexts],
    prepare: `cp /bin/true t; python3 -c 'import os; os.setxattr("t", "security.capability", bytes.fromhex("0100000200200000000000000000000000000000"))'; tar --xattrs --xattrs-include='*' -cf t.tar t`,
    dockerfile:
      "FROM busybox AS a\nCOPY t /\nADD t.tar /added/\nRUN cp -a /t /t2; chown 5 /added/t\nFROM busybox\nCOPY --from=a /t /added /again/\nCOPY --chmod=711 t /mod\n",
  },
  {
    name: "a stage that is nothing but a source, a number, a base whose name is an ARG's",
    dockerfile: String.raw`ARG TAG
ARG STAGE=one
FROM nonexist:1 AS unused
RUN nonsense
FROM busybox:${"$"}{TAG:-latest} AS one
RUN echo 1 >/x && touch -d @0 /x
FROM scratch AS data
COPY --from=one /x /x
FROM ${"$"}{STAGE}
COPY --from=data / /data
COPY --from=2 . /data2/
`,
    args: ["--build-arg", "TAG=latest"],
  },
  {
    name: ".dockerignore",
    prepare: String.raw`mkdir -p a/b/c node_modules/x src/tmp "sp ace"; for f in a/1.md a/b/2.md a/b/c/3.md a/b/c/keep.md README.md top.txt node_modules/x/i.js src/tmp/t src/code.js .hidden src/.env 'sp ace/f' x.log a/y.log '[b]'; do echo x >"$f"; done
printf '# comment\n\n**/*.log\nnode_modules\n*.md\n!README.md\na/**/c\n!a/b/c/keep.md\nsrc/tmp/\n.hidden\n  /top.txt  \n**/.env\n!.\n\\[b]\n' >.dockerignore`,
    dockerfile: "FROM busybox\nCOPY . /all/\n",
  },
  {
    name: ".dockerignore: everything but",
    prepare:
      "mkdir -p app/x other; echo 1 >app/f; echo 2 >app/x/g; echo 3 >other/h; echo 4 >top; printf '*\\n!app\\napp/x/*\\n!app/x/g\\n' >.dockerignore",
    dockerfile: "FROM busybox\nCOPY . /all/\n",
  },
  {
    name: "COPY of an ignored file",
    prepare: "echo x >a; echo a >.dockerignore",
    dockerfile: "FROM busybox\nCOPY a /\n",
    fails: "both",
  },
  {
    name: "Dockerfile.dockerignore wins",
    prepare: "echo x >a; echo y >b; echo a >.dockerignore; echo b >Dockerfile.dockerignore",
    dockerfile: "FROM busybox\nCOPY . /all/\n",
  },
  {
    name: "ADD and COPY over one another, in the order they are written",
    prepare:
      "mkdir -p s t d; echo packed >s/x; echo packed >s/y; ln -s x s/l; tar -C s -cf one.tar .; echo other >t/x; mkdir t/l; echo in >t/l/z; tar -C t -czf two.tgz .; echo plain >x; echo plain >l; echo folder >d/y; rm -r s t",
    dockerfile: String.raw`FROM busybox
ADD one.tar x /several/
ADD x one.tar /reversed/
ADD x one.tar d /folder/
ADD one.tar two.tgz /packed/
ADD one.tar /over/
COPY x /over/
COPY x /over/y
ADD two.tgz /under/
ADD one.tar /under/new/
COPY x /under/new/l
ADD two.tgz /under/new2/
COPY d /under/new2/l
COPY x one.tar /copied/
ADD one.tar /copied/
RUN rm /several/y && echo run > /packed/x
ADD one.tar /several/
ADD one.tar d/y /packed/
`,
  },
  {
    name: "WORKDIR",
    dockerfile: String.raw`FROM busybox
WORKDIR /a/b
WORKDIR c
ENV D=/env E=sub
WORKDIR $D/$E
WORKDIR ../x
RUN pwd > /pwd && echo 'u:x:50:60::/:/bin/sh' >> /etc/passwd
USER u
WORKDIR /owned/by
WORKDIR /
WORKDIR "/quoted dir"
`,
  },
  {
    name: "WORKDIR is owned by USER, as --chown takes it",
    dockerfile: String.raw`FROM busybox
RUN echo 'bob:x:1500:1777::/:/bin/sh' >> /etc/passwd && echo 'dev:x:1600:' >> /etc/group
USER 1500
WORKDIR /known
USER 5
WORKDIR /unknown/deep
USER bob
WORKDIR /name
USER bob:dev
WORKDIR /both
USER 1500:7
WORKDIR /numbers
USER :7
WORKDIR /group
`,
  },
  {
    name: "WORKDIR after USER of an unknown name",
    dockerfile: "FROM busybox\nUSER nobody-such\nWORKDIR /w\n",
    fails: "strake",
  },
  {
    name: "ADD of an archive with a name that climbs",
    prepare: "mkdir x; echo 1 >x/f; tar -P --transform 's,^x/,x/y/../,' -cf t.tar x/f; rm -r x",
    dockerfile: "FROM busybox\nADD t.tar /t/\n",
    fails: "strake",
  },
  {
    name: "WORKDIR of what is there makes no layer",
    dockerfile: "FROM busybox\nWORKDIR /tmp/\n",
    meant: [
      /^config.WorkingDir: docker "\/tmp\/", strake "\/tmp"/,
      /^history\[1\]: docker "\+ WORKDIR .* strake "- WORKDIR/,
      /^layers: docker 1, strake 0/,
    ],
  },
  {
    name: "WORKDIR through a symlink",
    dockerfile:
      "FROM busybox\nRUN mkdir /real && ln -s real /link\nWORKDIR /link/new\nRUN pwd > /pwd; readlink -f . >> /pwd\n",
  },
  {
    name: "USER",
    meant: [/^layer \d \/tmp\/\w+: docker ".* strake ".* groups=/],
    dockerfile: String.raw`FROM busybox
RUN echo 'app:x:1234:4321::/home/app:/bin/sh' >> /etc/passwd && echo 'grp:x:777:app' >> /etc/group && chmod 777 /tmp
USER app
RUN id > /tmp/name; echo $HOME >> /tmp/name
USER app:grp
RUN id > /tmp/both
USER 42
RUN id > /tmp/number; echo $HOME >> /tmp/number
USER 42:43
RUN id > /tmp/numbers
USER 1234
RUN id > /tmp/known
ARG who=app
USER $who
`,
  },
  { name: "RUN of an unknown user", dockerfile: "FROM busybox\nUSER nobody-such\nRUN true\n", fails: "both" },
  {
    name: "VOLUME before and after changes",
    dockerfile:
      'FROM busybox\nRUN mkdir /v && echo before > /v/before\nVOLUME /v /w\nVOLUME ["/json vol", "/x"]\nRUN echo after > /v/after && mkdir -p /w && echo w > /w/w\nARG V=/arg\nVOLUME $V\n',
  },
  {
    name: "HEALTHCHECK",
    meant: [healthTexts],
    dockerfile:
      'FROM busybox AS a\nHEALTHCHECK --interval=5m --timeout=3s --start-period=1m30s --retries=2 CMD curl -f http://localhost/ || exit 1\nFROM a AS b\nHEALTHCHECK CMD ["a", "b"]\nFROM b AS c\nHEALTHCHECK NONE\nFROM a\n',
  },
  {
    name: "HEALTHCHECK JSON",
    meant: [healthTexts],
    dockerfile: 'FROM busybox\nHEALTHCHECK --interval=2s CMD ["a", "b"]\n',
  },
  { name: "HEALTHCHECK NONE", meant: [healthTexts], dockerfile: "FROM busybox\nHEALTHCHECK NONE\n" },
  {
    name: "ONBUILD triggers",
    prepare: tree,
    dockerfile: String.raw`FROM busybox AS parent
ONBUILD RUN echo triggered > /triggered
ONBUILD COPY a /copied
ONBUILD ENV FROM_PARENT="a  b"
ONBUILD WORKDIR /w
ONBUILD LABEL l=$FROM_PARENT
FROM parent AS child
RUN echo after > after
FROM child
RUN echo grandchild > /g
ONBUILD   run   echo   later
`,
  },
  {
    name: "SHELL",
    dockerfile: 'FROM busybox\nSHELL ["/bin/sh", "-ec"]\nRUN false; true\n',
    fails: "both",
  },
  {
    name: "SHELL changes RUN, CMD and ENTRYPOINT",
    dockerfile:
      'FROM busybox\nSHELL ["/bin/sh", "-xec"]\nRUN echo $- > /flags\nCMD run me\nSHELL ["/bin/sh", "-c"]\nENTRYPOINT start me\n',
  },
  {
    name: "STOPSIGNAL, LABEL, EXPOSE, MAINTAINER",
    meant: [exposeTexts],
    dockerfile: String.raw`FROM busybox
MAINTAINER "A Person" <a@example.com>
STOPSIGNAL SIGQUIT
ARG S=9
STOPSIGNAL $S
LABEL one=1 two="2 words" 'three'='3 $S' "four x"="$S" multi="a\
b"
LABEL legacy some text
LABEL a.b.c/d=e empty=
EXPOSE 80 443/tcp 53/udp 7000-7002 8000-8001/udp
ENV P="90 91/udp"
EXPOSE $P
EXPOSE 9000/TCP
`,
  },
  { name: "EXPOSE of nonsense", dockerfile: "FROM busybox\nEXPOSE http\n", fails: "both" },
  { name: "STOPSIGNAL of nonsense", dockerfile: "FROM busybox\nSTOPSIGNAL NOPE\n", fails: "both" },
  {
    name: "--target and stages nobody needs",
    dockerfile:
      "FROM busybox AS a\nRUN echo a > /a\nFROM busybox AS broken\nRUN exit 3\nFROM a AS wanted\nRUN echo wanted > /w\nFROM wanted AS last\nRUN exit 4\n",
    args: ["--target", "Wanted"],
  },
  { name: "--target nobody has", dockerfile: "FROM busybox AS a\n", args: ["--target", "b"], fails: "both" },
  {
    name: "--label",
    dockerfile: "FROM busybox\nLABEL a=file b=file\n",
    args: ["--label", "b=flag", "--label", "c=d"],
  },
  {
    name: "FROM scratch",
    prepare: tree,
    dockerfile: 'FROM scratch\nCOPY a /\nWORKDIR /w\nENV A=1\nCMD ["/a"]\n',
  },
  {
    name: "FROM scratch with nothing but files",
    prepare: tree,
    dockerfile: "FROM busybox AS a\nFROM scratch\nCOPY --from=a /etc/passwd /etc/\nCOPY a /\nUSER 7\n",
  },
  {
    name: "RUN deletes, renames, replaces",
    dockerfile: String.raw`FROM busybox
RUN mkdir -p /d/sub /e/x /f && echo 1 > /d/1 && echo 2 > /d/sub/2 && echo 3 > /e/x/3 && echo 4 > /f/4 && ln -s /d /link && echo h > /h1 && ln /h1 /h2
RUN rm /d/1 && mv /d/sub /d/moved && rm -r /e && echo file > /e && rm -r /f && mkdir /f && echo new > /f/5 && rm /link && mkdir /link && rm /h1
RUN rm -r /d && rm /e && ln -s f /e && chmod 711 /f && chown 8:9 /f/5 && rmdir /link
RUN rm -rf /f && mkdir -p /f/deep/er && rm /h2 && touch -d @1000000000 /f/deep && rm -r /usr
`,
  },
  {
    name: "RUN makes special files",
    dockerfile: String.raw`FROM busybox
RUN mkfifo /pipe && mknod /char c 1 3 && mknod /block b 7 9 && echo x > /suid && chmod 6755 /suid && mkdir /sticky && chmod 1777 /sticky && ln -s loop /loop && ln -s '' /bad 2>/dev/null; echo a > /h1 && ln /h1 /h2 && ln /h1 /sticky/h3
RUN dd if=/dev/zero of=/sparse bs=1 count=1 seek=1M 2>/dev/null && touch "/sp ace" /ümlaut && printf x > "$(printf '/bad\377name')" && chown 65534:65534 /h1 && chmod 000 /sparse
RUN cat /h2 > /dev/null; touch /etc/passwd; chmod 644 /etc/group; mkdir -p /a/b/c/d && rm -r /a
`,
  },
  {
    name: "RUN changes nothing",
    dockerfile: "FROM busybox\nRUN true\nRUN echo x > /tmp/x && rm /tmp/x\nRUN cat /etc/passwd\n",
  },
  {
    name: "RUN sees its world",
    dockerfile: String.raw`FROM busybox
RUN pwd > /r; umask >> /r; cat /proc/self/status | grep -e Cap -e Seccomp: -e NoNewPrivs >> /r; env | sort >> /r; tty >> /r; ls /proc/self/fd | wc -l >> /r; cat /proc/1/comm /proc/1/limits >> /r
RUN mount | cut -d' ' -f3 | grep -v -e cgroup -e /proc/interrupts | sort > /mounts
RUN cd /dev; for f in *; do stat -c '%N %F %a %u:%g %t,%T' $f; done | grep -v "'core'" > /dev-list
RUN sed s/[a-z]*sandbox$// /etc/hosts | grep -e 127 -e '^::1' | cut -f1 | sort -u > /hosts; cat /etc/resolv.conf > /resolv; echo mine > /etc/hostname
RUN echo x > /etc/resolv.conf || echo x > /etc/hosts || echo neither > /written
`,
  },
  { name: "RUN fails", dockerfile: "FROM busybox\nRUN echo said; exit 7\n", fails: "both" },
  { name: "RUN of a command that is not there", dockerfile: 'FROM busybox\nRUN ["nope"]\n', fails: "both" },
  { name: "an unknown instruction", dockerfile: "FROM busybox\nRUNN true\n", fails: "both" },
  { name: "a base that does not exist", dockerfile: "FROM scratch-nope:1\nRUN true\n", fails: "both" },
  { name: "no FROM", dockerfile: "RUN true\n", fails: "both" },
  {
    name: "comments, continuations, case, escape",
    dockerfile:
      '# escape=`\n# a comment\n  from busybox as X\n run echo a `\n# dropped\n\n   b > /a\nEnv A=C:\\x B=`$A\nLABEL x="1" `\n  y=2\n',
  },
  {
    name: "names of stages shadow images; FROM by stage",
    dockerfile: "FROM busybox AS busybox2\nRUN echo s > /s\nFROM busybox2\nRUN cat /s > /t\n",
  },
  {
    name: "variables in COPY, ADD, USER, VOLUME",
    prepare: tree,
    dockerfile:
      'FROM busybox\nARG f=a\nENV t=/to\nCOPY $f ${t}/\nADD ${f} ${t:-x}/2\nCOPY $f \\$f\nCOPY ["$f", "/$f-json"]\n',
  },
  {
    name: "a parent without x for others, made folders",
    prepare: "mkdir -p p/q; echo x >p/q/r; chmod 700 p; chmod 750 p/q",
    dockerfile: "FROM busybox\nCOPY p /p\nCOPY p/q/r /new/made/r\nADD p/q /other/made/q\n",
  },
];
