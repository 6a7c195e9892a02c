/**
 * A shell script in which `D` is docker or strake. Its stdout and exit code count; HERE is an empty folder of its own, P0 to P6 are
 * free ports of the host in a row. `soon COMMAND` tries until the command succeeds, for half a minute at most.
 */
export interface RunCase {
  readonly name: string;
  readonly script: string;
}

export const runCases: readonly RunCase[] = [
  {
    name: "what a process is given",
    script: String.raw`
D run --rm busybox sh -c 'env | grep -v HOSTNAME | sort; pwd; umask; id; ulimit -a; tty; cat /proc/1/comm'
D run --rm busybox sh -c 'grep -e Cap -e Secc -e NoNew -e Groups /proc/self/status; cat /proc/self/limits /proc/self/oom_score_adj'
D run --rm -h web busybox sh -c 'hostname; cat /etc/hostname; grep -v 10. /etc/hosts; cat /etc/resolv.conf; env | grep HOSTN'
D run --rm busybox sh -c "mount | cut -d' ' -f3,5 | grep -v -e ' overlay' -e cgroup -e /proc/ | sort"
D run --rm busybox sh -c "cd /dev; for f in *; do stat -c '%N %F %a %u:%g %t,%T' \$f; done | grep -v /proc/kcore"
D run --rm -w /new/dir busybox sh -c 'pwd; stat -c "%a %u" /new/dir'`,
  },
  {
    name: "users",
    script: String.raw`
D run --rm -u 1000 busybox sh -c 'id; echo $HOME; grep Cap /proc/self/status'
D run --rm -u 1000:2000 busybox id
D run --rm -u daemon busybox sh -c 'id; echo $HOME'
D run --rm -u nosuch busybox true; echo $?
D run --rm -u root:nosuch busybox true; echo $?`,
  },
  {
    name: "exit codes",
    script: String.raw`
D run --rm busybox sh -c 'exit 42'; echo $?
D run --rm busybox nosuch; echo $?
D run --rm busybox /etc/passwd; echo $?
D run --rm busybox /etc; echo $?
D run --rm --badflag busybox true; echo $?
D run --rm --network nosuch busybox true; echo $?
D run --rm --cap-add NOSUCH busybox true; echo $?
D run --rm --entrypoint "" busybox; echo $?
D run --rm --entrypoint "" busybox echo hi
D run --rm --entrypoint /bin/echo busybox hi`,
  },
  {
    name: "stdin",
    script: "echo x | D run --rm -i busybox cat; echo y | D run --rm busybox cat; D run --rm -i busybox cat",
  },
  {
    name: "options",
    script: String.raw`
D run --rm --cap-drop ALL --cap-add NET_ADMIN busybox grep Cap /proc/self/status
D run --rm --cap-add SYS_ADMIN busybox grep CapEff /proc/self/status
D run --rm --security-opt no-new-privileges busybox grep NoNew /proc/self/status
D run --rm --security-opt seccomp=unconfined busybox grep Seccomp: /proc/self/status
D run --rm --shm-size 1m busybox sh -c "mount | grep shm"
D run --rm --add-host foo:1.2.3.4 busybox grep foo /etc/hosts
D run --rm --dns 9.9.9.9 --dns-search ex.am busybox sort /etc/resolv.conf
D run --rm --cidfile cf busybox true; wc -c < cf; D run --rm --cidfile cf busybox true; echo $?
D run --rm --read-only busybox touch /x; echo $?
D run --rm -e A=1 -e B -e C= -e "D=x y" busybox env | grep -e ^A -e ^B -e ^C -e ^D | sort
printf 'F=1\n#c\n\n  G=2 \nH\nI=a=b\nJ="q"\n' > ef; export H=host; D run --rm --env-file ef busybox env | grep -e ^[FGHIJ]= | sort
D run --rm --env-file nosuch busybox true; echo $?
D run --rm -e =x busybox true; echo $?`,
  },
  {
    name: "logs",
    script: String.raw`
D run -d --name aa busybox sh -c "echo out; sleep 0.2; echo err >&2; sleep 100" >/dev/null
soon "D logs aa 2>&1 | grep -q err"
D logs aa; D logs --tail 1 aa; D logs -n 0 aa; D logs -t aa | grep -cE '^[0-9T:-]{19}\.[0-9]{9}Z out$'
D logs --since 1h aa; D logs --until 1m aa; D logs --since 2099-01-01 aa; D logs --tail all aa
D rm -f aa; D logs aa; echo $?`,
  },
  {
    name: "stop, kill, wait, start",
    script: String.raw`
D run -d --name aa busybox sh -c 'trap "echo got; exit 3" TERM; echo ready; while :; do sleep 0.1; done' >/dev/null
soon "D logs aa | grep -q ready"; D stop aa; D wait aa; D logs aa
D inspect -f "{{.State.ExitCode}} {{.State.Status}} {{.State.Running}} {{.State.OOMKilled}} {{.State.Error}}" aa; D rm aa
D run -d --name aa busybox sleep 1000 >/dev/null; D rm aa; echo $?; D stop -t 1 aa; D wait aa
D start aa; D kill aa; D wait aa; D start aa; D kill -s TERM aa; D kill -s 9 aa; D wait aa
D kill aa; echo $?; D rm aa; D rm aa; echo $?; D stop aa; echo $?
D run --name aa busybox true; D run --name aa busybox true; echo $?; D start -a aa; D exec aa true; echo $?; D rm aa
D run -d --name aa --rm busybox sleep 0.5 >/dev/null; soon '[ -z "$(D ps -aq)" ]'; D ps -a --format "{{.Names}}"`,
  },
  {
    name: "signals are passed on",
    script: String.raw`
D run --name aa busybox sh -c 'trap "echo got; exit 5" TERM; echo ready; while :; do sleep 0.1; done' & pid=$!
soon "D logs aa | grep -q ready"
kill -TERM $(ps -o pid= --ppid $pid 2>/dev/null | grep . || echo $pid); wait $pid; echo $?; D rm aa`,
  },
  {
    name: "exec",
    script: String.raw`
D run -d --name aa -e A=1 busybox sleep 1000 >/dev/null
D exec aa sh -c "echo hi; exit 5"; echo $?
D exec -e X=1 -w /tmp -u 1000 aa sh -c 'echo $X $A; pwd; id -u; echo $HOME'; echo in | D exec -i aa cat
D exec -d aa touch /tmp/det; soon "D exec aa test -e /tmp/det"; D exec aa ls /tmp
D exec -w /nosuch aa pwd >/dev/null; echo $?; D exec -u nosuch aa pwd >/dev/null; echo $?
D exec nosuchc true; echo $?; D exec aa; echo $?; printf 'E=1\nF\n' > ef; F=here D exec --env-file ef -e E=2 aa env | grep ^[EF]=; D exec aa sh -c 'kill -9 $$'; echo $?
D exec aa env | grep -v HOSTNAME | sort; D rm -f aa`,
  },
  {
    name: "ps",
    script: String.raw`
D ps; D ps -a; D create --name aa -it busybox sh -c "exit 4" | wc -c
D ps -a --format "{{.Names}} {{.Status}} {{.Image}} {{.Command}} {{.Ports}}"; D start -a aa; echo $?; D rm aa
D run -d --name n1 -l k=v -p 127.0.0.1:$P0:80 busybox sleep 100 >/dev/null
D ps --format "{{.Names}}|{{.Ports}}|{{.Labels}}|{{.State}}|{{.Networks}}|{{.Mounts}}"
D ps -q --filter name=n1 | wc -c; D ps --filter label=k=v --format "{{.Names}}"; D ps --filter status=exited -q
for f in '^n' '^/n1$' '^n1$' 'n\d' 'n1$' '^1' '[' N1; do D ps --filter name="$f" --format "$f {{.Names}}"; done; D ps -q --filter status=nosuch; echo $?
D ps --filter ancestor=busybox -q | wc -l; D ps --filter nosuch=1; echo $?; D ps --no-trunc -q | wc -c; D rm -f n1`,
  },
  {
    name: "templates of ps and inspect",
    script: String.raw`
D run -d --name aa -l k.x=v -l plain=p -e A=1 -h hh -v vol1:/data -v $HERE:/here:ro -p 127.0.0.1:$P0:80 -p 127.0.0.1:$P1:81/udp --expose 99 busybox sleep 100 >/dev/null
D ps --no-trunc --format '{{.Mounts}} {{.LocalVolumes}} {{.Label "k.x"}} {{.Label "none"}}.'
D ps --format '{{if eq .Names "aa"}}mine{{else}}other{{end}} {{upper .Names}} {{.Image | printf "%-10s|"}}'
while read -r template; do D inspect -f "$template" aa; echo $?; done <<'EOF'
{{range $p, $conf := .NetworkSettings.Ports}}{{$p}} -> {{range $conf}}{{.HostIp}}{{end}} {{end}}
{{range $k, $v := .NetworkSettings.Networks}}{{$k}} {{if $v.IPAddress}}has one{{end}}{{end}}
{{range .NetworkSettings.Networks}}{{if .IPAddress}}ip{{end}}{{end}}
{{(index (index .NetworkSettings.Ports "81/udp") 0).HostIp}} {{(index .HostConfig.PortBindings "80/tcp" 0).HostIp}}
{{with .State}}{{.Status}} {{$.Name}}{{end}}
{{if and .State.Running (not .State.Paused)}}runs{{else if .State.Paused}}paused{{else}}over{{end}}
{{index .Config.Labels "k.x"}}|{{index .Config.Labels "none"}}|{{.Config.Labels.plain}}|{{.Config.Labels.none}}
{{range $i, $m := .Mounts}}{{if $i}},{{end}}{{if eq $m.Type "volume"}}{{$m.Name}}{{end}}{{end}}
{{range $i, $e := .Config.Cmd}}{{$i}}={{$e}} {{end}}{{len .Config.Cmd}}{{slice .Name 1}}
{{range .Config.Env}}{{if le (len .) 3}}{{.}}{{end}}{{end}} {{len .Config.Env}}
{{- /* a comment */ -}} {{printf "%q %05d" .Config.Hostname .State.ExitCode}}
EOF
D inspect -f '{{.Config.User}}|{{.Config.WorkingDir}}|{{json .Config.Entrypoint}}|{{json .Config.Labels}}|{{.Config.Cmd}}|{{json .RepoTags}}' busybox
D inspect -f '{{.Name}}' aa nosuch; echo $?; D image inspect -f '{{.Os}}' nosuch busybox; echo $?
D inspect -f '{{index .Mounts 7}}' aa >/dev/null || echo failed; D inspect -f '{{nosuch .Name}}' aa >/dev/null || echo failed
D rm -f aa; D volume rm vol1`,
  },
  {
    name: "ps --size",
    script: String.raw`
D run --name aa busybox sh -c 'rm /etc/group; mkdir /empty'
D run --name bb busybox sh -c 'head -c 1000000 /dev/zero > /a; head -c 234000 /dev/zero > /tmp/b; ln /a /a2; rm -rf /var'
D run -d --name cc busybox sleep 100 >/dev/null; D exec cc sh -c 'echo x >> /etc/passwd; head -c 4000 /dev/zero > /c; truncate -s 9m /hole'
D ps -as --format "{{.Names}} {{.Size}}" | cut -d" " -f1,2,3 | sed 's/(.*//'; D rm -f aa bb cc`,
  },
  {
    name: "cp",
    script: String.raw`
D run -d --name aa busybox sleep 100 >/dev/null; echo hello > f1; mkdir -p dd/e; echo 2 > dd/e/f2; ln -s f1 lnk
D cp f1 aa:/tmp/; D cp dd aa:/tmp/dd2; D cp dd aa:/tmp/dd2; D cp dd/. aa:/tmp/dot
D exec aa sh -c "cd /tmp; find . | sort; stat -c %a:%u f1"
D cp aa:/tmp/dd2 - | tar tf - | sort; D cp aa:/etc/passwd - | tar tf -; D cp aa:/etc/passwd .; wc -l < passwd
D cp aa:/tmp/dd2 out; find out | sort; tar cf - f1 | D cp - aa:/home; D exec aa ls /home
for to in nosuch aa:/nosuch; do D cp $to ./x; echo $?; done
D cp f1 aa:/nosuch/dir/; echo $?; D cp f1 aa:/nosuch/x; echo $?; D cp dd aa:/tmp/f1; echo $?
D cp f1 f2; echo $?; D cp f1 nosuchc:/x; echo $?; D cp lnk aa:/tmp/; D cp -L lnk aa:/tmp/deref
D exec aa ls -l /tmp | cut -c1-10; D stop -t 0 aa; D cp aa:/tmp/f1 - | tar tf -; D cp f1 aa:/tmp/stopped; D rm -f aa`,
  },
  {
    name: "volumes and binds",
    script: String.raw`
D run --rm -v vv1:/etc busybox ls -la /etc/passwd | cut -c1-30
D run --rm -v vv1:/x busybox sh -c "wc -l < /x/passwd; stat -c %a:%u /x"; D run --rm -v vv1:/etc:ro busybox touch /etc/x; echo $?
mkdir bind; D run --rm -v $HERE/bind:/b busybox sh -c "id -u > /b/f; ls -la /b | tail -1 | cut -c1-20"; cat bind/f
D run --rm -v $HERE/newdir:/b busybox true; ls -d $HERE/newdir
D run --rm --mount type=bind,source=$HERE/nonexist,target=/b busybox true; echo $?
D run --rm -v $HERE/bind:b busybox true; echo $?; D run --rm -v rel/path:/b busybox true; echo $?
D run --rm --tmpfs /t:size=1m busybox sh -c 'mount | grep " /t " | cut -d" " -f5,6'`,
  },
  {
    name: "volume commands",
    script: String.raw`
D volume create data; D volume create data; D volume ls -q; D volume ls --format "{{.Driver}} {{.Name}}"
D run --rm -v data:/d busybox sh -c "echo kept > /d/f"; D run --rm -v data:/d busybox cat /d/f
D create --name aa -v data:/d busybox >/dev/null; D volume rm data; echo $?; D rm aa; D volume rm data; echo $?
D volume rm data; echo $?; D volume inspect data >/dev/null; echo $?
D volume create --label a=b one; D volume inspect -f "{{.Name}} {{.Driver}} {{index .Labels \"a\"}} {{.Scope}}" one
D volume rm one`,
  },
  {
    name: "ports",
    script: String.raw`
D run -d --name aa -p 127.0.0.1::80 -p 127.0.0.1:$P1-$P2:90-91 -p 127.0.0.1:$P3-$P5:95 busybox sleep 100 >/dev/null
D ps --format "{{.Ports}}" | sed -e "s/127.0.0.1:[3-6][0-9]*->80/X->80/" -e "s/127.0.0.1:[0-9]*->95/Y->95/"
D port aa 90; D port aa | grep ^91; D port aa 99; echo $?
D run --rm -p 127.0.0.1:$P1:1 busybox true; echo $?; D rm -f aa
for p in a:b 99999:1 1-3:1-2 1.2.3.4:$P6:80 $P6:80/xyz; do D run --rm -p $p busybox true; echo $?; done`,
  },
  {
    name: "/.dockerenv",
    script: String.raw`
D run --name aa busybox sh -c 'stat -c "%n %F %s %a %u:%g" /.dockerenv; rm /.dockerenv; ls -A /' | grep -v -e ^lib -e ^usr
D start -a aa | grep -c dockerenv; D diff aa >/dev/null 2>&1; D rm aa
D run --rm -u 1000 busybox sh -c 'test -e /.dockerenv; echo $?; test -w /.dockerenv; echo $?'
D run --rm --read-only busybox ls /.dockerenv; D run --name aa busybox true; D cp aa:/.dockerenv - | tar tf -; D rm aa`,
  },
  {
    name: "restart",
    script: String.raw`
D run -d --rm --name aa busybox sh -c 'echo line >> /f; exec sleep 100' >/dev/null; soon "D exec aa test -e /f"
D restart -t 0 aa; soon '[ "$(D exec aa cat /f | wc -l)" = 2 ]'; D exec aa cat /f
D inspect -f "{{.State.Status}} {{.HostConfig.AutoRemove}} {{.RestartCount}}" aa
D restart -t 0 aa aa; echo $?; soon '[ "$(D exec aa cat /f | wc -l)" = 4 ]'
D stop -t 0 aa; soon '[ -z "$(D ps -aq)" ]'; D restart aa; echo $?; D ps -aq
D run --name aa busybox sh -c 'echo ran; exit 3'; D restart aa; D wait aa; D logs aa; D rm aa; D restart aa nosuch; echo $?
D create --name aa busybox echo made >/dev/null; D restart aa; D wait aa; D logs aa; D rm aa
D run -d --rm --name aa -p 127.0.0.1:$P0:80 busybox sleep 100 >/dev/null; D restart -t 0 aa; D port aa | sed "s/$P0/P/"
D rm -f aa; D ps -aq`,
  },
  {
    name: "a start that fails",
    script: String.raw`
state() { D inspect -f "{{.State.Status}} {{.State.ExitCode}} {{.State.StartedAt}} {{.State.FinishedAt}} {{if .State.Error}}why{{end}}" aa; }
hold() { D run -d --name hold -p 127.0.0.1:$P0:80 busybox sleep 100 >/dev/null; }
hold; D run --name aa -p 127.0.0.1:$P0:80 busybox true; echo $?; state
D ps -a --filter name=aa --format "{{.Status}} {{.State}}"; D ps -aq --filter status=created | wc -l; D ps -aq --filter exited=128 | wc -l
D wait aa; D stop aa; D kill aa; echo $?; D start aa; echo $?; D rm -f hold; D start -a aa; echo $?; D rm aa
for end in 0 3; do
  D run --name aa -p 127.0.0.1:$P0:80 busybox sh -c "exit $end"; hold; D start aa; echo $?
  D inspect -f "{{.State.Status}} {{.State.ExitCode}} {{if .State.Error}}why{{end}}" aa; D rm aa; D rm -f hold
done
for program in nosuch /etc/passwd; do D run --name aa busybox $program; echo $?; state; D start aa; echo $?; D wait aa; D rm aa; done
D run --name aa -u nosuch busybox true; echo $?; state; D rm aa`,
  },
  {
    name: "networks",
    script: String.raw`
D run --rm --network none busybox sh -c 'ip -o addr | grep -v inet6 | cut -c1-40; cat /etc/hosts'
D run --rm --network host busybox hostname
D run --rm busybox sh -c 'ip -o link | wc -l; ip route | grep -c default'`,
  },
];
