package detect

import "netcase"

// StagingConfig holds what is a job and not staging, and how many files are many.
type StagingConfig struct {
	JobDays int          // on which a job ran: two equal waits are the least that shows a schedule
	JobSpan netcase.Time // of the hours of the day within which it did
	Files   int          // different ones that a program wrote into one folder within an hour
}

// DefaultStagingConfig is ours.
func DefaultStagingConfig() StagingConfig {
	return StagingConfig{JobDays: 3, JobSpan: 2 * netcase.Hour, Files: 100}
}

func (c *StagingConfig) thresholds() []Threshold {
	return []Threshold{
		{"staging.job.days", "days on which a command ran that make it a job", &c.JobDays},
		{"staging.job.span", "hours of the day within which all of its runs began", &c.JobSpan},
		{"staging.files", "different files that a program wrote into one folder within an hour", &c.Files},
	}
}
