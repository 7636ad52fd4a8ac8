"""Cards of Feishu's CardKit: answers that grow while they are written."""
