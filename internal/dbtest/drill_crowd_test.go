//go:build unix

package dbtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/entities"
	"example.com/usersession/internal/dbtest"
)

// memberRole is the role of one process of a crowd. Its job is the engine, the name of the
// process and the DSN, separated by spaces.
const memberRole = "member"

func init() { roles[memberRole] = runMember }

const (
	crowdProcesses = 50
	crowdDuration  = 20 * time.Second
	// crowdSessions is the number of session ids that all processes replace.
	crowdSessions = 40
	// crowdSubjects is the number of users whose sessions all processes create and revoke.
	crowdSubjects = 20
)

// A memberReport counts the operations of one process of the crowd, by the store's answers.
type memberReport struct {
	Replaced, Created, Deleted int64
	// Updated counts the updates of each session that is replaced.
	Updated map[string]int64
	// Lost counts the updates that came too late, which is no error.
	Lost int64
}

func (r *memberReport) add(other memberReport) {
	r.Replaced += other.Replaced
	r.Created += other.Created
	r.Deleted += other.Deleted
	r.Lost += other.Lost
	for key, n := range other.Updated {
		r.Updated[key] += n
	}
}

// runMember is the main function of a process of the crowd. It works until its standard
// input ends, and prints its report.
func runMember(job string) error {
	parts := strings.SplitN(job, " ", 3)
	db, err := openIn(parts[0], parts[2])
	if err != nil {
		return err
	}
	pool, err := db.DB()
	if err != nil {
		return err
	}
	pool.SetMaxOpenConns(2)
	store, err := usersession.NewGormStore(db)
	if err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	m := &member{store: store, name: parts[1], report: memberReport{Updated: make(map[string]int64)}}
	for n := 0; ; n++ {
		select {
		case <-ended:
			return json.NewEncoder(os.Stdout).Encode(m.report)
		default:
		}
		if err := m.work(n); err != nil {
			return fmt.Errorf("process %s, round %d: %w", m.name, n, err)
		}
	}
}

// A member is a process of the crowd, as it sees itself.
type member struct {
	store  *usersession.GormStore
	name   string
	report memberReport
}

// work replaces a shared session and renews another one; it creates a session of a shared
// user, and ends one or all sessions of another.
func (m *member) work(n int) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	at := time.Now()
	session := bff.UserSession{
		PartitionKey: "replaced", Key: fmt.Sprintf("%s-%d", m.name, n), SubjectID: "alice", SessionID: crowdSession(),
		Created: at, Renewed: at, Expires: at.Add(time.Hour), Ticket: make([]byte, 500),
	}
	if err := m.store.ReplaceUserSession(ctx, session); err != nil {
		return fmt.Errorf("replace: %w", err)
	}
	m.report.Replaced++
	if err := m.renew(ctx); err != nil {
		return fmt.Errorf("renew: %w", err)
	}
	session.PartitionKey, session.SubjectID, session.SessionID = "revoked", crowdSubject(), "sid-"+session.Key
	if err := m.store.CreateUserSession(ctx, session); err != nil {
		return fmt.Errorf("create: %w", err)
	}
	m.report.Created++
	if n%5 == 0 {
		return m.deleted(m.store.DeleteUserSessions(ctx, "revoked", bff.UserSessionsFilter{SubjectID: crowdSubject()}))
	}
	found, err := m.store.GetUserSessions(ctx, "revoked", bff.UserSessionsFilter{SubjectID: crowdSubject()})
	if err != nil || len(found) == 0 {
		return err
	}
	oldest := found[0]
	if n%2 == 0 {
		return m.deleted(m.store.DeleteUserSession(ctx, bff.UserSessionKey{PartitionKey: "revoked", Key: oldest.Key}))
	}
	return m.deleted(m.store.DeleteUserSessions(ctx, "revoked", bff.UserSessionsFilter{SessionID: oldest.SessionID}))
}

func (m *member) deleted(n int64, err error) error {
	m.report.Deleted += n
	return err
}

// renew renews a shared session.
func (m *member) renew(ctx context.Context) error {
	found, err := m.store.GetUserSessions(ctx, "replaced", bff.UserSessionsFilter{SessionID: crowdSession()})
	if err != nil || len(found) == 0 {
		return err
	}
	if len(found) > 1 {
		return fmt.Errorf("%d sessions with one session id", len(found))
	}
	session := found[0]
	err = m.store.UpdateUserSession(ctx, bff.UserSessionKey{PartitionKey: "replaced", Key: session.Key}, updateOf(session, "renewed", session.Version))
	switch {
	case err == nil:
		m.report.Updated[session.Key]++
	case errors.Is(err, bff.ErrSessionChanged), errors.Is(err, bff.ErrSessionNotFound):
		m.report.Lost++
		err = nil
	}
	return err
}

func crowdSession() string { return fmt.Sprintf("sid-%d", rand.N(crowdSessions)) }
func crowdSubject() string { return fmt.Sprintf("user-%d", rand.N(crowdSubjects)) }

// TestDrill_Crowd runs 50 processes on the same sessions: sign-ins that replace each other,
// renewals, revocations. The counts that the store returned are exact: every created session is
// there or was deleted by exactly one process, each session id has one row, and a row's
// version counts the acknowledged updates.
func TestDrill_Crowd(t *testing.T) {
	if !fullDrill() {
		t.Skip("runs with USERSESSION_DRILL=full (make drill)")
	}
	t.Run("postgres", func(t *testing.T) {
		server := ownPostgres(t)
		runCrowd(t, server, server.postgresDSN())
	})
	t.Run("mariadb", func(t *testing.T) {
		server := ownMariaDB(t)
		runCrowd(t, server, server.mariaDBDSN())
	})
}

func runCrowd(t *testing.T, server *ownServer, dsn string) {
	server.up(t, dsn)
	db, err := openIn(server.engine.Name, dsn)
	must(t, err)
	defer func() { _ = dbtest.Pool(t, db).Close() }()
	must(t, db.AutoMigrate(&entities.UserSession{}))
	total := memberReport{Updated: make(map[string]int64)}
	var (
		mu      sync.Mutex
		running sync.WaitGroup
		stdins  []io.Closer
	)
	for i := range crowdProcesses {
		var stdout, stderr bytes.Buffer
		command := roleCommand(t.Context(), t, memberRole, fmt.Sprintf("%s %d %s", server.engine.Name, i, dsn))
		command.Stdout, command.Stderr = &stdout, &stderr
		stdin, err := command.StdinPipe()
		must(t, err)
		must(t, command.Start())
		stdins = append(stdins, stdin)
		running.Go(func() {
			var report memberReport
			err := errors.Join(command.Wait(), json.Unmarshal(stdout.Bytes(), &report))
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Errorf("a process failed: %v\n%s", err, &stderr)
			}
			total.add(report)
		})
	}
	meter := drillMeter("seconds", int64(crowdDuration/time.Second))
	for range crowdDuration / time.Second {
		time.Sleep(time.Second)
		meter.Add(1)
	}
	for _, stdin := range stdins {
		_ = stdin.Close()
	}
	running.Wait()
	t.Logf("%d sessions replaced, %d created, %d deleted; %d sessions updated, %d updates too late",
		total.Replaced, total.Created, total.Deleted, len(total.Updated), total.Lost)
	verifyCrowd(t, db, total)
}

// verifyCrowd compares the rows with the reports of the processes.
func verifyCrowd(t *testing.T, db *gorm.DB, total memberReport) {
	t.Helper()
	var left int64
	must(t, db.Model(&entities.UserSession{}).Where("partition_key = ?", "revoked").Count(&left).Error)
	if total.Created != total.Deleted+left {
		t.Errorf("%d sessions were created, %d deleted and %d are left", total.Created, total.Deleted, left)
	}
	var rows []entities.UserSession
	must(t, db.Select("key", "session_id", "version").Where("partition_key = ?", "replaced").Find(&rows).Error)
	bySession := make(map[entities.Identity]int)
	for _, row := range rows {
		bySession[*row.SessionID]++
		if want := 1 + total.Updated[string(row.Key)]; row.Version != want {
			t.Errorf("a session has version %d after %d acknowledged updates", row.Version, want-1)
		}
	}
	if len(rows) != crowdSessions || len(bySession) != crowdSessions {
		t.Errorf("%d rows of %d session ids are left, want one of each of %d", len(rows), len(bySession), crowdSessions)
	}
}
